"""The paths of signing in, below the path that the dashboard is served at."""

import streamlit as st

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"


def base() -> str:
    """The path that all others are below: ``/board``, or nothing."""
    below = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{below}" if below else ""


def path_to(page: str) -> str:
    """The whole path of one of these pages."""
    return base() + page
