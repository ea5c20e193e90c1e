"""The channels of the settings: what a test of them says, and what is refused before anything is sent."""

import asyncio
import logging
import subprocess
import sys

import pytest

from core.alerting.channels.configured import configured_channels
from core.errors import UserError
from core.services.alert_service import AlertService
from core.settings import SettingsError, get_settings
from tests.alerting.channels.wire import PAGERDUTY, Mails, WebServer
from tests.alerting.conftest import SetUrls
from tests.ports import free_port


def try_channel(name: str) -> str | None:
    """Why a test message did not reach the only recipient of a channel."""
    outcome = asyncio.run(AlertService().try_channels())
    (reason,) = outcome[name].values()
    return reason


@pytest.mark.full
def test_a_test_alert_tries_every_channel_and_says_why_one_failed(
    web: WebServer, mails: Mails, monkeypatch: pytest.MonkeyPatch, extra: SetUrls
) -> None:
    """A pager is opened and closed again; secrets are not told."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com,nobody@example.com")
    extra(f"pager={PAGERDUTY},hook[critical,warning]=jsons://webhook.example.com/s3cretS3cret")
    done = subprocess.run(
        [sys.executable, "-m", "core", "test-alert"], text=True, capture_output=True, check=False, timeout=60
    )
    said = done.stdout
    assert done.returncode == 1
    assert "email, recipient 1 of ALERT_EMAIL_TO: delivered" in said
    assert "email, recipient 2 of ALERT_EMAIL_TO: FAILED: refused: 550 no such user" in said
    assert "slack: not configured; set SLACK_WEBHOOK_URL" in said
    assert "\npager: delivered" in said
    assert "\nhook: delivered" in said
    assert "links only work on this machine (http://localhost:3000); set DASHBOARD_PUBLIC_URL" in said
    events = [payload["event_action"] for host, _, payload in web.received if "pagerduty" in host]
    assert events == ["trigger", "resolve"]
    assert "s3cret" not in said + done.stderr
    web.status = 403
    assert "error=403" in str(try_channel("pager"))


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("pager", "ALERT_APPRISE_URLS must be name=url"),
        ("slack=jsons://example.com", "needs another name for each channel"),
        ("a=jsons://x.org,a=jsons://y.org", "needs another name for each channel"),
        ("a[bad]=jsons://x.org", "of a has an unknown severity; use info, warning, critical"),
        ("a=nonsense://geheim", "the URL of a cannot be used"),
        ("a=json://webhook.example.com/geheim", "without verified encryption; use jsons://"),
        ("a=jsons://webhook.example.com/geheim?verify=no", "without verified encryption"),
        (
            "a=mailtos://u:geheim71@x.org?mode=insecure&smtp=127.0.0.1&to=a@x.org",
            "without verified encryption",
        ),
        (
            "a=mailto://u:geheim71@x.org?mode=insecure&to=a@x.org",
            "without verified encryption; use mailtos://",
        ),
        ("a=kavenegar://geheim71/919812345678", "without verified encryption"),
        ("a=email://x@example.com", "an address for SMTP_SERVER, which is not set"),
    ],
)
def test_a_channel_that_cannot_be_used_is_one_line(extra: SetUrls, urls: str, said: str) -> None:
    """It names the variable and the channel, not what is secret."""
    extra(urls)
    with pytest.raises((UserError, SettingsError), match="ALERT_APPRISE_URLS") as caught:
        configured_channels(get_settings())
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("jsons://hookuser:mango71@127.0.0.1:PORT/LONGHOOKPATH/ab12", ("mango71", "HOOKPATH", "ab12")),
        ("jsons://127.0.0.1:PORT/caf%c3%a9/my%20key", ("caf", "key")),
        ("ntfys://:tk_Zq7@127.0.0.1:PORT/t0pic", ("Zq7", "t0pic")),
        ("mailtos://u:kiwi9@localhost:PORT?smtp=localhost&to=a@x.org&from=b@x.org", ("kiwi9",)),
    ],
)
def test_why_a_channel_failed_is_said_without_a_word_of_its_address(
    extra: SetUrls, caplog: pytest.LogCaptureFixture, url: str, hidden: tuple[str, ...]
) -> None:
    """However short a part, and however it is spelt; what is said still names the kind of fault."""
    extra(f"hook={url.replace('PORT', str(free_port()))}")
    with caplog.at_level(logging.DEBUG):
        reason = str(try_channel("hook"))
    said = reason + "".join(str(line.__dict__) for line in caplog.records)
    assert "Connection refused" in reason
    assert [word for word in hidden if word in said] == []
