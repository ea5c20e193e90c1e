"""The cookie that holds a session's token: out of reach of scripts, and sent to no other site."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from core.settings import get_settings


def is_secure() -> bool:
    """Whether people open the dashboard over TLS: then the cookie travels in no other way."""
    public = urlsplit(get_settings().dashboard_public_url or "").scheme
    return public == "https" or bool(st.get_option("server.sslCertFile"))


def cookie_name() -> str:
    """The cookie's name, of this port alone: browsers tell hosts apart by cookies, but not ports."""
    name = f"voice-agent-{st.get_option('server.port')}"
    # Browsers take a name of this kind from its own host over TLS, and from no neighbour.
    return f"__Host-{name}" if is_secure() else name


def token_of(cookies: Mapping[str, str]) -> str | None:
    """The token among a request's cookies."""
    return cookies.get(cookie_name()) or None


def set_cookie(token: str) -> str:
    """Return the header that has a browser keep a token as long as a session lasts."""
    return f"{cookie_name()}={token}; {_attributes()}; Max-Age={get_settings().session_hours * 3600}"


def clear_cookie() -> str:
    """Return the header that has a browser forget the token."""
    return f"{cookie_name()}=; {_attributes()}; Max-Age=0"


def _attributes() -> str:
    return f"Path=/; HttpOnly; SameSite=Strict{'; Secure' if is_secure() else ''}"
