"""What benchmarks share: made-up calls, stores of their own, a Streamlit session, the model of scaling."""
