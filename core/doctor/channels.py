"""Ways to notify people: whether mail server and Slack answer, and accept the log-in and the recipients.

Sends nothing.
"""

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from core.alerting.channels.base import hide
from core.alerting.channels.configured import CHANNEL_NAMES, configured_channels
from core.alerting.channels.mail import connect, log_in, mode_of
from core.doctor.result import Finding, State
from core.settings import Settings

_TIMEOUT_SECONDS = 10.0
_SLACK = "https://hooks.slack.com/"
_TRY = "python -m core test-alert sends a message"
_REFUSED, _REFUSED_FOR_GOOD = 400, 500


def channels(settings: Settings) -> Iterator[Finding]:
    """Return a finding for each channel, and for there being none."""
    names = list(configured_channels(settings))
    if not names:
        text = "no channel is configured: alerts notify no one"
        remedy = "set SMTP_SERVER, ALERT_EMAIL_FROM and ALERT_EMAIL_TO, or SLACK_WEBHOOK_URL"
        yield Finding("channels", State.WARN, text, remedy)
        return
    if settings.dashboard_public_url is None:
        text = f"links in messages only work on this machine ({settings.dashboard_url})"
        yield Finding("links", State.WARN, text, "set DASHBOARD_PUBLIC_URL to the URL people open")
    if settings.ack_link_key is not None and settings.api_public_url is None:
        text = f"links to acknowledge only work on this machine ({settings.api_url})"
        yield Finding("links", State.WARN, text, "set API_PUBLIC_URL to the URL where people reach the API")
    if settings.smtp_server:
        yield _mail(settings, settings.smtp_server)
    if settings.slack_webhook_url:
        yield _slack()
    for name in names:
        if name not in CHANNEL_NAMES:
            yield Finding(name, State.OK, f"configured; {_TRY}")


def _mail(settings: Settings, server: str) -> Finding:
    where = f"{server} port {settings.smtp_port}"
    try:
        with connect(server, settings.smtp_port, mode_of(settings)) as mail:
            if settings.smtp_username and settings.smtp_password:
                log_in(mail, settings.smtp_username, settings.smtp_password.get_secret_value())
            answers = _recipients(mail, settings)
    except smtplib.SMTPAuthenticationError:
        remedy = "check SMTP_USERNAME and SMTP_PASSWORD"
        return Finding("email", State.FAIL, f"{where} rejects the login", remedy)
    except smtplib.SMTPSenderRefused as error:
        text = f"{where} rejects the sender ({_said(error.smtp_code, error.smtp_error, settings)})"
        return Finding("email", State.FAIL, text, "check ALERT_EMAIL_FROM")
    except smtplib.SMTPNotSupportedError:
        return Finding("email", State.FAIL, f"{where} does not support TLS or this login", "check SMTP_PORT")
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate of {where} is not trusted ({error.verify_message})"
        return Finding("email", State.FAIL, text, "check SMTP_SERVER")
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        remedy = "check SMTP_SERVER, SMTP_PORT and the firewall"
        return Finding("email", State.FAIL, f"{where} cannot be reached ({reason})", remedy)
    how = "without TLS" if mode_of(settings) == "plain" else "over TLS"
    return _answered(f"{where} answers {how}", answers, settings)


def _recipients(mail: smtplib.SMTP, settings: Settings) -> dict[int, tuple[int, bytes]]:
    """Return what the server answers to each recipient, by number; no mail is sent."""
    mail.ehlo_or_helo_if_needed()
    sender = settings.alert_email_from or ""
    code, said = mail.mail(sender)
    if code >= _REFUSED:
        raise smtplib.SMTPSenderRefused(code, said, sender)
    answers = {number: mail.rcpt(address) for number, address in enumerate(settings.alert_email_to, start=1)}
    mail.rset()
    return answers


def _answered(text: str, answers: Mapping[int, tuple[int, bytes]], settings: Settings) -> Finding:
    """Return the finding for a mail server that answers, given its answer to each recipient."""
    logged_in = "login accepted" if settings.smtp_username else "no login configured"
    each = ", ".join(
        f"{number} accepted" if code < _REFUSED else f"{number} refused ({_said(code, said, settings)})"
        for number, (code, said) in answers.items()
    )
    text = f"{text}, {logged_in}; recipients of ALERT_EMAIL_TO: {each}"
    worst = max((code for code, _ in answers.values()), default=0)
    if worst < _REFUSED:
        return Finding("email", State.OK, f"{text}; {_TRY}")
    state = State.FAIL if worst >= _REFUSED_FOR_GOOD else State.WARN
    return Finding("email", state, text, "check the addresses in ALERT_EMAIL_TO")


def _said(code: int, said: bytes | str, settings: Settings) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    addresses = (parseaddr(address)[1] for address in settings.alert_email_to)
    return hide(f"{code} {' '.join(words.split())}", addresses)


def _slack() -> Finding:
    try:
        # Uses HTTPS_PROXY if set, as sending does.
        urlopen(Request(_SLACK, method="HEAD"), timeout=_TIMEOUT_SECONDS).close()
    except HTTPError:
        pass  # any answer will do, even that there is no such page
    except OSError as error:
        cause = getattr(error, "reason", error)
        text = f"{_SLACK} cannot be reached ({getattr(cause, 'strerror', None) or type(cause).__name__})"
        return Finding("slack", State.FAIL, text, "check the firewall; set a proxy with HTTPS_PROXY")
    return Finding("slack", State.OK, f"{_SLACK} answers; {_TRY}")
