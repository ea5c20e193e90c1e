"""The Overview page: what happened, costs, status and active alerts."""
