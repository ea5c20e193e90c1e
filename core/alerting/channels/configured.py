"""The configured channels: email, Slack, and those of ALERT_APPRISE_URLS."""

from dataclasses import replace
from urllib.parse import urlsplit

from core.alerting.channels.apprise_sender import AppriseSender, check_url
from core.alerting.channels.base import Channel, Recipient, Target, TargetChannel, identity
from core.alerting.channels.mail import Mailer, mode_of
from core.alerting.channels.pagers import PAGERS, PagerSender, VictorOpsMailer
from core.alerting.channels.rate_limit import Limit
from core.alerting.channels.slack import SlackSender
from core.alerting.rota import ON_CALL
from core.errors import UserError
from core.models.alerts import Severity
from core.models.channels import ExtraChannel
from core.settings import Settings
from core.variables.kinds import is_mail_address

EMAIL = "email"
SLACK = "slack"
CHANNEL_NAMES = (EMAIL, SLACK)
EMAIL_LIMIT = Limit(burst=30, per_second=30 / 3600)
SLACK_LIMIT = Limit(burst=5, per_second=1)
PAGER_LIMIT = Limit(burst=60, per_second=1)
_VICTOROPS_MAIL = "@alert.victorops.com"
_CRITICAL = frozenset({Severity.CRITICAL})


def configured_channels(settings: Settings) -> dict[str, Channel]:
    """Return the configured channels, by name.

    Raises:
        UserError: an address in ALERT_APPRISE_URLS is invalid, or a setting names an unknown channel.
    """
    channels: dict[str, TargetChannel] = {}
    if settings.smtp_server:
        # Addresses are masked in the log, so it identifies recipients by number.
        mails = [
            _mail(settings, address, f"recipient {number} of ALERT_EMAIL_TO")
            for number, address in enumerate(settings.alert_email_to, start=1)
        ]
        channels[EMAIL] = TargetChannel(EMAIL, mails, limit=EMAIL_LIMIT)
    if settings.slack_webhook_url:
        channels[SLACK] = _slack(SLACK, settings.slack_webhook_url.get_secret_value())
    channels |= {extra.name: _extra(settings, extra) for extra in settings.alert_apprise_urls}
    if settings.alert_rota and ON_CALL in channels:
        raise UserError(
            f"ALERT_APPRISE_URLS: {ON_CALL} is whoever of ALERT_ROTA is on call; choose another name"
        )
    on_call = (ON_CALL,) if settings.alert_rota else ()
    for variable in ("alert_escalate_to", "alert_no_resolved", "alert_rota"):
        for name in getattr(settings, variable):
            known_names = dict.fromkeys((*CHANNEL_NAMES, *channels))
            if name not in (known_names | dict.fromkeys(on_call if variable == "alert_escalate_to" else ())):
                known = ", ".join(known_names)
                raise UserError(
                    f"{variable.upper()} names the channel {name!r}, which there is not; use {known}"
                )
    return {
        name: replace(channel, ends=name not in settings.alert_no_resolved)
        for name, channel in channels.items()
    }


def nameable_channels(settings: Settings) -> dict[str, frozenset[Severity] | None]:
    """Return the channels a rule may name, and what each accepts; mail and Slack even if not configured.

    Includes ``on-call`` if channels take turns.
    """
    set_up = {name: channel.severities for name, channel in configured_channels(settings).items()}
    on_call = dict.fromkeys((ON_CALL,) if settings.alert_rota else ())
    return dict.fromkeys(CHANNEL_NAMES) | set_up | on_call


def _mail(settings: Settings, address: str, label: str) -> Target:
    server, user = settings.smtp_server or "", settings.smtp_username or ""
    recipient = Recipient(identity(server, str(settings.smtp_port), user, address), label)
    mailer = Mailer(
        server,
        settings.smtp_port,
        mode_of(settings),
        settings.alert_email_from or "",
        address,
        recipient.id,
        user,
        settings.smtp_password.get_secret_value() if settings.smtp_password else "",
    )
    return Target(recipient, mailer)


def _slack(name: str, webhook: str, severities: frozenset[Severity] | None = None) -> TargetChannel:
    parts = urlsplit(webhook)
    path = [part for part in parts.path.split("/") if part]
    sender = SlackSender(f"{parts.scheme}://{parts.netloc}{parts.path}")
    # The last part is the secret.
    target = Target(Recipient(identity(*path[:-1]), "Slack"), sender)
    return TargetChannel(name, [target], severities, limit=SLACK_LIMIT)


def _extra(settings: Settings, extra: ExtraChannel) -> TargetChannel:
    url = extra.url.get_secret_value()
    scheme, _, rest = url.partition("://")
    if scheme == "email":
        return _extra_mail(settings, extra, rest)
    if url.startswith("https://hooks.slack.com/"):
        return _slack(extra.name, url, extra.severities)
    check_url(extra.name, url, allow_insecure=settings.alert_allow_insecure)
    # Which part of a URL is secret differs by service, so the recipient is shown by its channel's name.
    recipient = Recipient(identity(extra.name, scheme), extra.name)
    if scheme in PAGERS:
        severities = extra.severities or (_CRITICAL if scheme == "pagerduty" else None)
        target = Target(recipient, PagerSender(url))
        return TargetChannel(extra.name, [target], severities, pages=True, limit=PAGER_LIMIT)
    target = Target(recipient, AppriseSender(lambda _: url))
    return TargetChannel(extra.name, [target], extra.severities, limit=SLACK_LIMIT)


def _extra_mail(settings: Settings, extra: ExtraChannel, address: str) -> TargetChannel:
    if not settings.smtp_server:
        raise UserError(f"ALERT_APPRISE_URLS: {extra.name} is an address for SMTP_SERVER, which is not set")
    if not is_mail_address(address):
        raise UserError(f"ALERT_APPRISE_URLS: {extra.name} needs one mail address: email://duty@example.com")
    target = _mail(settings, address, extra.name)
    if not address.lower().endswith(_VICTOROPS_MAIL):
        return TargetChannel(extra.name, [target], extra.severities, limit=EMAIL_LIMIT)
    pager = Target(target.recipient, VictorOpsMailer(target.deliver))
    return TargetChannel(extra.name, [pager], extra.severities, pages=True, limit=PAGER_LIMIT)
