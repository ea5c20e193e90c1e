"""What Sources shows while no source is on: how to set one up."""

import streamlit as st

from core.hooks.secrets import sources
from dashboard import formats

_RANDOM = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
_SETTING = 'HOOK_SECRETS="{name}=<the secret>"\npython -m core api'
_ADDRESS = "https://<your address>/hooks/{name}/<the secret>"


def show() -> None:
    """Show three steps, and the supported sources."""
    # Show one whose secret may be part of the address.
    there = sources()
    name = next((name for name, source in there.items() if source.signed is None), next(iter(there)))
    with st.container(border=True, key="no-sources"):
        st.markdown("## No sources yet")
        st.markdown("No code needed: your voice platform or carrier posts each call to a webhook.")
        make, set_, post = st.columns(3)
        with make:
            st.markdown("**1. Generate a secret**")
            st.code(_RANDOM, language=None, wrap_lines=True)
        with set_:
            st.markdown("**2. Name the source, and start the API**")
            st.code(_SETTING.format(name=name), language=None, wrap_lines=True)
        with post:
            st.markdown("**3. Give this address to the platform**")
            st.code(_ADDRESS.format(name=name), language=None, wrap_lines=True)
        titles = ", ".join(formats.plain(source.title) for source in there.values())
        st.caption(f"Supported: {titles}. If the vendor signs its webhooks, use its own key as the secret.")
