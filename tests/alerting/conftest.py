"""Running servers that the settings point to."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from core.settings import get_settings
from tests.alerting.channels.wire import (
    PASSWORD,
    USER,
    WEBHOOK_PATH,
    Authority,
    Mails,
    Proxy,
    WebServer,
    mail_server,
)
from tests.ports import serving

if TYPE_CHECKING:
    from aiosmtpd.controller import Controller

MailServers = Callable[[str], Mails]
SetUrls = Callable[[str], None]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificate authority of all servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def mail_servers(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServers]:
    """Starts a mail server of a kind, which the settings then point to; gives the mails that it gets."""
    started: list[Controller] = []

    def start(mode: str) -> Mails:
        received = Mails()
        controller = mail_server(authority, received, mode)
        controller.start()
        started.append(controller)
        settings = authority.environment | {
            "SMTP_SERVER": "localhost",
            "SMTP_PORT": str(controller.port),
            "ALERT_EMAIL_FROM": "Voice agent <alerts@example.com>",
            "ALERT_EMAIL_TO": "ops@example.com, lead@example.com",
        }
        if mode != "plain":
            settings |= {"SMTP_USERNAME": USER, "SMTP_PASSWORD": PASSWORD}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return received

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def mails(mail_servers: MailServers) -> Mails:
    """The mails that a server with STARTTLS gets."""
    return mail_servers("starttls")


@pytest.fixture
def web(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A running server in the name of every service, reached through a proxy."""
    with WebServer(authority) as server, Proxy(server) as proxy, serving(server, proxy):
        for name, value in authority.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        yield server


@pytest.fixture
def slack(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """The same, with a Slack webhook set up."""
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"https://hooks.slack.com{WEBHOOK_PATH}")
    get_settings.cache_clear()
    return web


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> SetUrls:
    """Sets ALERT_APPRISE_URLS."""

    def set_urls(urls: str) -> None:
        monkeypatch.setenv("ALERT_APPRISE_URLS", urls)
        get_settings.cache_clear()

    return set_urls
