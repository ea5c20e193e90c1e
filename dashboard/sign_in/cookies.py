"""The session cookie: inaccessible to scripts, and never sent cross-site."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from core.settings import get_settings


def is_secure() -> bool:
    """Return whether people open the dashboard over TLS; if so, the cookie requires it."""
    public = urlsplit(get_settings().dashboard_public_url or "").scheme
    return public == "https" or bool(st.get_option("server.sslCertFile"))


def cookie_name() -> str:
    """Return the cookie's name, which includes the port: browsers share cookies between ports."""
    name = f"voice-agent-{st.get_option('server.port')}"
    # Browsers accept this prefix only from the host itself, over TLS.
    return f"__Host-{name}" if is_secure() else name


def token_of(cookies: Mapping[str, str]) -> str | None:
    """Return the token in a request's cookies, or None."""
    return cookies.get(cookie_name()) or None


def set_cookie(token: str) -> str:
    """Return the Set-Cookie header that stores a token for the length of a session."""
    return f"{cookie_name()}={token}; {_attributes()}; Max-Age={get_settings().session_hours * 3600}"


def clear_cookie() -> str:
    """Return the Set-Cookie header that deletes the token."""
    return f"{cookie_name()}=; {_attributes()}; Max-Age=0"


def _attributes() -> str:
    return f"Path=/; HttpOnly; SameSite=Strict{'; Secure' if is_secure() else ''}"
