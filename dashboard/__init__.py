"""The screen people keep open: a Streamlit app over the figures of core.aggregation."""
