"""What Sources says where nothing is on yet: how a source is set up."""

import streamlit as st

from core.hooks.secrets import sources
from dashboard import formats

_RANDOM = "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
_SETTING = 'HOOK_SECRETS="{name}=<the secret>"\npython -m core api'
_ADDRESS = "https://<your address>/hooks/{name}/<the secret>"


def show() -> None:
    """Three steps, and which sources there are."""
    # One whose secret may stand in the address.
    there = sources()
    name = next((name for name, source in there.items() if source.signed is None), next(iter(there)))
    with st.container(border=True, key="no-sources"):
        st.markdown("## No platform or carrier posts here yet")
        st.markdown(
            "Calls can arrive without any code: your voice platform or carrier posts each to a webhook."
        )
        make, set_, post = st.columns(3)
        with make:
            st.markdown("**1. Make a secret**")
            st.code(_RANDOM, language=None, wrap_lines=True)
        with set_:
            st.markdown("**2. Name the source, and start the API**")
            st.code(_SETTING.format(name=name), language=None, wrap_lines=True)
        with post:
            st.markdown("**3. Give the platform the address**")
            st.code(_ADDRESS.format(name=name), language=None, wrap_lines=True)
        titles = ", ".join(formats.plain(source.title) for source in there.values())
        st.caption(
            f"There are adapters for {titles}. Those that sign take the vendor's own key as the secret."
        )
