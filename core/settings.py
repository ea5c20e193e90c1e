"""Every environment variable, typed and documented, in one place.

Values come from the environment and from a ``.env`` file in the working directory (the environment
wins). A malformed value raises :class:`SettingsError`, one line that names the variable.
"""

import os
from datetime import date
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import UserError, problem
from core.models.zone import ZoneName
from core.variables.exports import ExportSettings
from core.variables.kinds import (
    HAND_OVER,
    AddressList,
    CollectorAddress,
    CommaList,
    ExtraChannels,
    FileMode,
    LogLevel,
    MailAddress,
    MongoAddress,
    Port,
    SecretCommaList,
    SecretWebAddress,
    SlackAddress,
    Swaps,
    WebAddress,
    in_lower_case,
    is_loopback,
    plain_names,
)
from core.variables.protection import Protection
from core.variables.reporting import Reporting

LEAST_RETENTION_DAYS = 30
PRODUCT = "Ringside"
"""As people read it: on the screen, in messages, in reports."""


class SettingsError(UserError):
    """An environment variable has a value that cannot be used; the text names it and the remedy."""


class Settings(Protection, Reporting, ExportSettings, BaseSettings):
    """The configuration of every process; each field is the environment variable of that name."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    timezone: ZoneName = Field(
        default="Asia/Kolkata",
        description="IANA zone of days, weeks, charts and of datetimes that carry no zone",
    )
    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the embedded database, the spool, logs; relative to where a process starts",
    )

    mongodb_uri: MongoAddress = Field(
        default=None, description="MongoDB server to use instead of the embedded one"
    )
    mongodb_database: str = Field(
        default="voice_agent", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of the database"
    )
    mongodb_allow_insecure: bool = Field(
        default=False, description="Allow a MONGODB_URI off this machine without credentials or TLS"
    )
    record_wait_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Longest that recording a call waits for the database before it is spooled, seconds",
    )

    prices_file: Path | None = Field(
        default=None,
        description="TOML file with the prices of models and voices, and rates of currencies; docs/prices.md",
    )
    join_within_seconds: int = Field(
        default=0,
        ge=0,
        le=600,
        description="Take a carrier's call for the one of the same lead that began so close to it; 0: never",
    )
    lost_after_minutes: int = Field(
        default=15,
        ge=2,
        le=55,
        description="Minutes without a sign of life after which a call that began counts as lost",
    )

    raw_retention_days: int = Field(
        default=90,
        ge=LEAST_RETENTION_DAYS,
        le=36_500,
        description="Days (30 or more) that recorded calls and turns stay in the database; then archived",
    )

    explore_metadata_keys: Annotated[CommaList, AfterValidator(plain_names)] = Field(
        default=(), description="Metadata that calls can be told apart by on Explore, comma separated"
    )

    log_level: LogLevel = Field(default="INFO", description="Lowest level that is logged")
    log_file: Path | None = Field(
        default=None, description="File that log lines are appended to; else stdout"
    )
    log_stdout: bool = Field(default=False, description="Also write lines to stdout where LOG_FILE is set")
    log_file_mode: FileMode = Field(
        default=0o600,
        description="Permissions of a LOG_FILE that is created, octal; 0640 lets its group read",
    )
    log_rotate_mb: float | None = Field(
        default=None, gt=0, description="Begin a new LOG_FILE before it grows beyond so many MB"
    )
    log_rotate_hours: int | None = Field(
        default=None,
        ge=1,
        le=24 * 366,
        description="Begin a new LOG_FILE every so many hours; 24: each local day",
    )
    log_rotate_keep: int = Field(
        default=5, ge=1, le=1000, description="How many old log files are kept: LOG_FILE.1 is the newest"
    )
    log_format: Annotated[Literal["json", "ecs", "datadog", "emf"], BeforeValidator(in_lower_case)] = Field(
        default="json",
        description="Form of a line: `json` (our own), `ecs` (Elastic), `datadog`, `emf` (CloudWatch)",
    )
    log_mask_off: CommaList = Field(
        default=(), description="Kinds that are not masked in log lines, comma separated; docs/logging.md"
    )
    log_to_database: bool = Field(
        default=False, description="Also store log lines in the database, for the dashboard's page of a call"
    )
    log_database_days: int = Field(
        default=7, ge=1, le=3650, description="Days that log lines stay in the database"
    )
    splunk_hec_url: CollectorAddress = Field(
        default=None, description="Splunk HTTP Event Collector that log lines are sent to as well"
    )
    splunk_hec_token: SecretStr | None = Field(default=None, description="Token of the HTTP Event Collector")

    smtp_server: str | None = Field(default=None, description="Mail server for alerts")
    smtp_port: Port = Field(default=587, description="465 means implicit TLS, any other port STARTTLS")
    smtp_username: str | None = Field(default=None, description="User name at the mail server")
    smtp_password: SecretStr | None = Field(default=None, description="Password at the mail server")
    alert_email_from: MailAddress = Field(default=None, description="Sender of alert mails")
    alert_email_to: AddressList = Field(
        default=(),
        description="Recipients of alert mails, separated by commas or semicolons",
    )
    slack_webhook_url: SlackAddress = Field(default=None, description="Slack incoming webhook for alerts")
    alert_apprise_urls: ExtraChannels = Field(
        default=(),
        description="Further channels: name=url, or name[critical,warning]=url, comma separated",
    )
    alert_allow_insecure: bool = Field(
        default=False,
        description="Allow alerts to leave without encryption: by SMTP ports but 465 and 587, and plain URLs",
    )
    alert_repeat_minutes: int = Field(
        default=240,
        ge=5,
        le=10_080,
        description="How long after a message people are reminded of what still fires, minutes",
    )
    alert_group_minutes: int = Field(
        default=5,
        ge=0,
        le=240,
        description="Shortest time between two messages to a channel, but for new critical alerts, minutes",
    )
    alert_escalate_to: CommaList = Field(
        default=(),
        description="Channels that are told of an alert once nobody has acknowledged it in time",
    )
    alert_escalate_after_minutes: int = Field(
        default=15, ge=1, le=1440, description="How long that is, minutes; a rule may say otherwise"
    )
    alert_no_resolved: CommaList = Field(
        default=(), description="Channels that hear nothing of an alert's end, comma separated"
    )
    alert_rota: CommaList = Field(
        default=(),
        description="Channels on call in turn, a week each, comma separated; `on-call` names whoever is",
    )
    alert_rota_hand_over: str = Field(
        default="mon 10:00",
        pattern=HAND_OVER,
        description="Weekday and time at which the next one takes over",
    )
    alert_rota_zone: ZoneName | None = Field(
        default=None, description="IANA zone of the hand-over, where it is not `TIMEZONE`"
    )
    alert_rota_begin: date = Field(
        default=date(2024, 1, 1),
        description="The first of `ALERT_ROTA` is on call from the first hand-over on or after this day",
    )
    alert_rota_swaps: Swaps = Field(
        default=(),
        description="Weeks that another takes, by the day of their hand-over: `2026-12-21=meera`",
    )
    runbook_base_url: WebAddress = Field(
        default=None,
        description="Where runbooks are read, if not on the dashboard: `{name}` in it is the runbook's name",
    )
    ack_link_key: SecretStr | None = Field(
        default=None,
        min_length=22,
        description="Key of 22 characters or more that signs links to acknowledge; without it there are none",
    )
    alert_rules_file: Path | None = Field(
        default=None, description="TOML file with alert rules that replaces the built-in three"
    )
    alert_profile: Literal["strict", "quiet"] = Field(
        default="strict",
        description="Built-in rules as agreed on, or quiet: they wait 10 minutes and are sure first",
    )
    alert_check_interval_seconds: int = Field(
        default=300, ge=10, le=3600, description="How often the scheduler checks the alert rules, seconds"
    )

    scheduler_ping_url: SecretWebAddress = Field(
        default=None, description="Address that the scheduler gets after each check: a dead man's switch"
    )

    api_host: str = Field(default="127.0.0.1", description="Address the API listens on")
    api_port: Port = Field(default=8000, description="Port of the API")
    api_keys: SecretCommaList = Field(
        default=(), description="Keys that clients of the API must present to read, comma separated"
    )
    api_write_keys: SecretCommaList = Field(
        default=(), description="Keys of the API that may change as well as read, comma separated"
    )
    api_ingest_keys: SecretCommaList = Field(
        default=(), description="Keys of the API that may only send calls, comma separated; docs/ingestion.md"
    )
    api_requests_per_minute: int = Field(
        default=1_200,
        ge=0,
        le=1_000_000,
        description="Questions that each key of the API may ask in a minute, calls sent apart; 0: any number",
    )
    api_public_url: WebAddress = Field(
        default=None,
        description="Address that webhooks and links to acknowledge lead to, where a proxy is in front",
    )
    hook_secrets: SecretCommaList = Field(
        default=(), description="Who may post webhooks: source=secret, comma separated; docs/webhooks.md"
    )
    dashboard_host: str = Field(
        default="127.0.0.1",
        description="Address the dashboard listens on; others than loopback ask for sign-in; docs/access.md",
    )
    dashboard_port: Port = Field(default=3000, description="Port of the dashboard")
    installation_name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$",
        description="Name of this installation in alerts, such as `staging`; else pagers get one made up",
    )
    dashboard_public_url: WebAddress = Field(
        default=None, description="Address people open the dashboard at; used for links in alerts"
    )

    @property
    def tz(self) -> ZoneInfo:
        """TIMEZONE as a zone object."""
        return ZoneInfo(self.timezone)

    @property
    def dashboard_url(self) -> str:
        """Where people reach the dashboard, without a trailing slash."""
        return (self.dashboard_public_url or f"http://localhost:{self.dashboard_port}").rstrip("/")

    @property
    def api_url(self) -> str:
        """Where people reach the API, without a trailing slash."""
        return (self.api_public_url or f"http://localhost:{self.api_port}").rstrip("/")

    @property
    def dashboard_has_proxy(self) -> bool:
        """Whether people open the dashboard at another address than its own: that of a proxy before it."""
        host = urlsplit(self.dashboard_public_url or "").hostname
        return host is not None and not is_loopback(host)

    @field_validator("data_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        return value.expanduser()

    @model_validator(mode="after")
    def _swaps_begin_with_a_hand_over(self) -> Self:
        weekday = self.alert_rota_hand_over.partition(" ")[0]
        for day, name in self.alert_rota_swaps:
            if f"{day:%a}".lower() != weekday:
                raise ValueError(f"ALERT_ROTA_SWAPS: {day} is no {weekday}, on which a week begins")
            if name not in self.alert_rota:
                raise ValueError(f"ALERT_ROTA_SWAPS names {name!r}, who is not in ALERT_ROTA")
        return self

    @model_validator(mode="after")
    def _splunk_is_complete(self) -> Self:
        if self.splunk_hec_url and not self.splunk_hec_token:
            raise ValueError("SPLUNK_HEC_URL is set but SPLUNK_HEC_TOKEN is not; name the collector's token")
        return self

    @model_validator(mode="after")
    def _email_is_complete(self) -> Self:
        if self.smtp_server and not self.alert_email_to:
            raise ValueError("SMTP_SERVER is set but ALERT_EMAIL_TO is not; name at least one recipient")
        if self.smtp_server and not self.alert_email_from:
            raise ValueError("SMTP_SERVER is set but ALERT_EMAIL_FROM is not; name the sender's address")
        return self


def _describe(error: ValidationError) -> str:
    """One line for the first problem: the variable, what is wrong, never the value."""
    first = error.errors()[0]
    variable = f"{str(first['loc'][0]).upper()} " if first["loc"] else ""
    return variable + problem(first)


def load_settings() -> Settings:
    """Read the environment afresh.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_describe(error)) from None
    except UnicodeDecodeError:
        raise SettingsError("the file .env is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"the file .env cannot be read: {error.strerror}") from None


def load_what_is_good() -> tuple[Settings, list[SettingsError]]:
    """The environment without what cannot be used of it, and what that was.

    For whoever has to go on, as logging does: a bad setting costs itself only.
    """
    problems: list[SettingsError] = []
    given, file = _readable_file(problems)
    for _ in range(len(Settings.model_fields)):
        try:
            return Settings(_env_file=file, **given), problems
        except ValidationError as error:
            problems.append(SettingsError(_describe(error)))
            first = error.errors()[0]
            names = [str(first["loc"][0])] if first["loc"] else [*_BELONGING_TOGETHER]
            given |= {
                name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names
            }
    return Settings.model_construct(), problems


_BELONGING_TOGETHER = ("splunk_hec_url", "smtp_server", "alert_rota_swaps")
"""What is nothing without another setting; both are left out when one of them lacks its own."""


def _readable_file(problems: list[SettingsError]) -> tuple[dict[str, Any], str | None]:
    """What a ``.env`` that is no UTF-8 text says in its good lines, or else the file itself."""
    path = Path(".env")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        problems.append(SettingsError(f"the file .env cannot be read: {error.strerror}"))
        return {}, None
    try:
        raw.decode()
    except UnicodeDecodeError:
        problems.append(SettingsError("the file .env is not UTF-8 text; save it as UTF-8"))
    else:
        return {}, str(path)
    good = b"\n".join(line for line in raw.splitlines() if _is_utf8(line)).decode()
    said = {name.lower(): value for name, value in dotenv_values(stream=StringIO(good)).items() if value}
    set_already = {name.lower() for name in os.environ}
    return {name: said[name] for name in said.keys() & Settings.model_fields.keys() - set_already}, None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    return load_settings()
