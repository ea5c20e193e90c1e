"""What benchmarks share: generated calls, scratch stores, a Streamlit session, the scaling model."""
