"""The dashboard: a Streamlit app over the figures of core.aggregation."""
