"""The channels that alerts go to, and a test of each."""

import asyncio

import streamlit as st

from core.alerting.channels import configured_channels
from core.errors import UserError
from core.services.alert_service import AlertService
from core.settings import get_settings
from dashboard import formats


def channels() -> None:
    """Which channels are set up, and what a test of them answers."""
    try:
        known = configured_channels(get_settings())
    except UserError as error:
        st.error(formats.plain(str(error)), icon=":material/error:")
        return
    if not known:
        with st.container(border=True, key="no-channel"):
            st.subheader("No channel is set up: nobody is told", anchor=False)
            st.markdown(
                "Set `SMTP_SERVER` and `ALERT_EMAIL_TO` for mail, `SLACK_WEBHOOK_URL` for Slack; start anew."
            )
            st.caption("docs/alerting.md has the pagers and the other services.")
        return
    if st.button("Send a test to every channel", icon=":material/send:", type="primary", key="test-channels"):
        _test()
    answers: dict[str, dict[str, str | None]] = st.session_state.get("channel_answers", {})
    for name, channel in known.items():
        with st.container(border=True, key=f"channel-{name}", gap="xsmall"):
            taken = channel.severities
            st.markdown(
                f"**{formats.plain(name)}** · {len(channel.recipients)} recipients · "
                + ("all severities" if taken is None else ", ".join(sorted(taken)))
            )
            for label, reason in answers.get(name, {}).items():
                good = reason is None
                words = "arrived" if good else f"failed: {reason}"
                st.markdown(
                    f":{'green' if good else 'red'}-badge[:material/{'check_circle' if good else 'error'}: "
                    f"{formats.plain(label)} {formats.plain(words)}]"
                )


def _test() -> None:
    with st.spinner("Sending; a server that does not answer takes up to 30 s"):
        try:
            st.session_state["channel_answers"] = asyncio.run(AlertService().try_channels())
        except UserError as error:
            st.error(formats.plain(str(error)), icon=":material/error:")
