"""The paths of the sign-in pages, below the dashboard's base path."""

import streamlit as st

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"


def base() -> str:
    """Return the dashboard's base path: ``/board``, or ""."""
    below = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{below}" if below else ""


def sign_in_path() -> str:
    """Return the full path of the sign-in page."""
    return base() + SIGN_IN
