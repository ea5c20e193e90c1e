"""The channels that are set up: email, Slack, and those of ALERT_APPRISE_URLS."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset

from core.alerting.delivery import AppriseChannel, Channel, Recipient, Target, identity
from core.alerting.limits import Limit
from core.alerting.message import Message
from core.alerting.pagers import PAGERS, pager_target, tokens, victorops_mail_title
from core.errors import UserError
from core.models.alerts import Severity
from core.models.channels import ExtraChannel
from core.settings import Settings

EMAIL = "email"
SLACK = "slack"
CHANNEL_NAMES = (EMAIL, SLACK)
EMAIL_LIMIT = Limit(burst=30, per_second=30 / 3600)
SLACK_LIMIT = Limit(burst=5, per_second=1)
PAGER_LIMIT = Limit(burst=60, per_second=1)
_IMPLICIT_TLS_PORT = 465
_SUBMISSION_PORT = 587
_VICTOROPS_MAIL = "@alert.victorops.com"
_HTTP_OPTIONS = {"cto": 3, "rto": 5, "redirect": "no"}
_CRITICAL = frozenset({Severity.CRITICAL})


def configured_channels(settings: Settings) -> dict[str, Channel]:
    """The channels that are set up, by name.

    Raises:
        UserError: an address of ALERT_APPRISE_URLS cannot be used.
    """
    channels: dict[str, Channel] = {}
    if settings.smtp_server:
        channels[EMAIL] = AppriseChannel(EMAIL, list(_mails(settings)), html=True, limit=EMAIL_LIMIT)
    if settings.slack_webhook_url:
        channels[SLACK] = _slack(SLACK, settings.slack_webhook_url.get_secret_value(), None)
    return channels | {extra.name: _extra(settings, extra) for extra in settings.alert_apprise_urls}


def _mails(settings: Settings) -> Iterator[Target]:
    # Addresses are masked in the log: it tells recipients apart by their number.
    for number, address in enumerate(settings.alert_email_to, start=1):
        yield _mail(settings, address, f"recipient {number} of ALERT_EMAIL_TO")


def _mail(settings: Settings, address: str, label: str) -> Target:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    user = settings.smtp_username or ""
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    server = f"{settings.smtp_server}:{settings.smtp_port}"
    mode = _mail_mode(settings)
    options: dict[str, object] = {
        "mode": mode,
        "smtp": settings.smtp_server,
        "from": settings.alert_email_from,
        "to": address,
    }
    options |= {"format": "html", "cto": 10}
    scheme = "mailto" if mode == "insecure" else "mailtos"

    def url(message: Message) -> str:
        own = options | ({"+X-Alert-Reference": message.reference} if message.reference else {})
        return f"{scheme}://{credentials}{server}/?{urlencode(own, quote_via=quote)}"

    secrets = tuple(text for text in (password, quote(password, safe=""), address) if text)
    return Target(Recipient(identity(server, user, address), label), url, secrets)


def _mail_mode(settings: Settings) -> str:
    if settings.smtp_port == _IMPLICIT_TLS_PORT:
        return "ssl"
    plain = settings.alert_allow_insecure and settings.smtp_port != _SUBMISSION_PORT
    return "insecure" if plain else "starttls"


def _slack(name: str, webhook: str, severities: frozenset[Severity] | None) -> Channel:
    parts = urlsplit(webhook)
    options = _HTTP_OPTIONS | {"image": "no", "footer": "no"}
    url = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(options)}"
    path = [part for part in parts.path.split("/") if part]
    # The last part is the secret one.
    target = Target(Recipient(identity(*path[:-1]), "Slack"), lambda _: url, tuple(path[1:]))
    return AppriseChannel(
        name, [target], body=lambda message: message.brief, severities=severities, limit=SLACK_LIMIT
    )


def _extra(settings: Settings, extra: ExtraChannel) -> Channel:
    name, url, severities = extra.name, extra.url.get_secret_value(), extra.severities
    scheme = url.partition("://")[0].lower()
    if scheme == "email":
        return _extra_mail(settings, extra, url.partition("://")[2])
    if url.startswith("https://hooks.slack.com/"):
        return _slack(name, url, severities)
    _check_url(settings, name, scheme, url)
    if scheme in PAGERS:
        taken = severities or (_CRITICAL if scheme == "pagerduty" else None)
        target = pager_target(name, scheme, url)
        return AppriseChannel(name, [target], severities=taken, pages=True, limit=PAGER_LIMIT)
    secrets = tokens(url)
    # What of a URL is secret differs by service: its channel's name is who it is.
    target = Target(Recipient(identity(name, scheme), name), lambda _: url, secrets)
    return AppriseChannel(name, [target], severities=severities, limit=SLACK_LIMIT)


def _extra_mail(settings: Settings, extra: ExtraChannel, address: str) -> Channel:
    if not settings.smtp_server:
        raise UserError(f"ALERT_APPRISE_URLS: {extra.name} is an address for SMTP_SERVER, which is not set")
    target = _mail(settings, address, f"{extra.name} of ALERT_APPRISE_URLS")
    pages = address.lower().endswith(_VICTOROPS_MAIL)
    return AppriseChannel(
        extra.name,
        [target],
        html=not pages,
        title=victorops_mail_title if pages else None,
        severities=extra.severities,
        pages=pages,
        limit=PAGER_LIMIT if pages else EMAIL_LIMIT,
    )


def _check_url(settings: Settings, name: str, scheme: str, url: str) -> None:
    plugin = Apprise.instantiate(url, asset=AppriseAsset(), suppress_exceptions=True)
    if plugin is None:
        raise UserError(
            f"ALERT_APPRISE_URLS: the URL of {name} cannot be used; its form is in Apprise's documentation of {scheme}://"
        )
    plain = plugin.protocol if isinstance(plugin.protocol, (tuple, list)) else (plugin.protocol,)
    unverified = not getattr(plugin, "verify_certificate", True)
    if (scheme in plain or unverified) and not settings.alert_allow_insecure:
        raise UserError(
            f"ALERT_APPRISE_URLS: {name} would be sent to without verified encryption; use {scheme}s:// "
            "without verify=no, or set ALERT_ALLOW_INSECURE=1 for a relay of your own"
        )
