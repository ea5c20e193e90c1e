"""Every environment variable, typed and documented, in one place.

Values come from the environment and from a ``.env`` file in the working directory (the environment
wins). A malformed value raises :class:`SettingsError`, one line that names the variable.
"""

import os
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

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
from core.types import printable
from core.variables.env_file import ENV_FILE, around, read_env_file
from core.variables.exports import ExportSettings
from core.variables.kinds import (
    AddressList,
    CollectorAddress,
    CommaList,
    ExtraChannels,
    FileMode,
    HandOver,
    LogLevel,
    LongSecret,
    MailAddress,
    MongoAddress,
    Port,
    SecretCommaList,
    SecretWebAddress,
    SlackAddress,
    Swaps,
    Token,
    WebAddress,
    in_lower_case,
    is_loopback,
    plain_names,
    written_like,
)
from core.variables.protection import Protection
from core.variables.reporting import Reporting

LEAST_RETENTION_DAYS = 30
PRODUCT = "Ringside"
"""The product's name on the dashboard, in messages and in reports."""


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
        description="IANA time zone of days, weeks and charts, and of datetimes without a zone",
    )
    data_dir: Path = Field(
        default=Path("data"),
        description="Folder for the embedded database, spool and logs; relative to the working directory",
    )

    mongodb_uri: MongoAddress = Field(
        default=None, description="MongoDB server to use instead of the embedded one"
    )
    mongodb_database: Annotated[
        str, written_like(r"[A-Za-z0-9_-]{1,63}", "letters, digits, _ and -, 63 at most")
    ] = Field(default="voice_agent", description="Database name")
    mongodb_allow_insecure: bool = Field(
        default=False, description="Allow a remote MONGODB_URI without credentials or TLS"
    )
    record_wait_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds to wait for the database before a call is spooled to disk",
    )

    prices_file: Path | None = Field(
        default=None,
        description="TOML file with prices of models and voices, and exchange rates; docs/prices.md",
    )
    join_within_seconds: int = Field(
        default=0,
        ge=0,
        le=600,
        description="Merge a carrier's call with one to the same lead that began within this time; 0: never",
    )
    lost_after_minutes: int = Field(
        default=15,
        ge=2,
        le=55,
        description="Minutes without a heartbeat after which an open call counts as lost",
    )

    raw_retention_days: int = Field(
        default=90,
        ge=LEAST_RETENTION_DAYS,
        le=36_500,
        description="Days (at least 30) that calls and turns stay in the database before they are archived",
    )

    explore_metadata_keys: Annotated[CommaList, AfterValidator(plain_names)] = Field(
        default=(), description="Metadata keys to group calls by on Explore, comma separated"
    )

    log_level: LogLevel = Field(default="INFO", description="Lowest level to log")
    log_file: Path | None = Field(default=None, description="File to append log lines to; stdout if not set")
    log_stdout: bool = Field(default=False, description="With LOG_FILE, also write lines to stdout")
    log_file_mode: FileMode = Field(
        default=0o600,
        description="Permissions of a new LOG_FILE, octal; 0640 lets its group read it",
    )
    log_rotate_mb: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="Maximum size of LOG_FILE in MB before a new one is begun",
    )
    log_rotate_hours: int | None = Field(
        default=None,
        ge=1,
        le=24 * 366,
        description="Hours after which a new LOG_FILE is begun; 24: every local day",
    )
    log_rotate_keep: int = Field(
        default=5, ge=1, le=1000, description="Number of old log files to keep; LOG_FILE.1 is the newest"
    )
    log_format: Annotated[Literal["json", "ecs", "datadog", "emf"], BeforeValidator(in_lower_case)] = Field(
        default="json",
        description="Format of log lines: `json` (our own), `ecs` (Elastic), `datadog` or `emf` (CloudWatch)",
    )
    log_mask_off: CommaList = Field(
        default=(), description="Kinds of personal data not to mask in logs, comma separated; docs/masking.md"
    )
    log_to_database: bool = Field(
        default=False, description="Also store log lines in the database, to show them on a call's page"
    )
    log_database_days: int = Field(
        default=7, ge=1, le=3650, description="Days to keep log lines in the database"
    )
    splunk_hec_url: CollectorAddress = Field(
        default=None, description="Splunk HTTP Event Collector to also send log lines to"
    )
    splunk_hec_token: Token = Field(default=None, description="Token for the HTTP Event Collector")

    smtp_server: str | None = Field(default=None, description="Mail server for alerts")
    smtp_port: Port = Field(
        default=587, description="Port of the mail server; 465 uses implicit TLS, any other STARTTLS"
    )
    smtp_username: str | None = Field(default=None, description="User name for the mail server")
    smtp_password: SecretStr | None = Field(default=None, description="Password for the mail server")
    alert_email_from: MailAddress = Field(default=None, description="Sender address of alert emails")
    alert_email_to: AddressList = Field(
        default=(),
        description="Recipients of alert emails, separated by commas or semicolons",
    )
    slack_webhook_url: SlackAddress = Field(default=None, description="Slack incoming webhook for alerts")
    alert_apprise_urls: ExtraChannels = Field(
        default=(),
        description="More channels: name=url, or name[critical,warning]=url, comma separated",
    )
    alert_allow_insecure: bool = Field(
        default=False,
        description="Allow unencrypted alerts: plain URLs, and SMTP ports other than 465 and 587",
    )
    alert_repeat_minutes: int = Field(
        default=240,
        ge=5,
        le=10_080,
        description="Minutes between reminders of an alert that still fires",
    )
    alert_group_minutes: int = Field(
        default=5,
        ge=0,
        le=240,
        description="Minimum minutes between messages to a channel; new critical alerts are not delayed",
    )
    alert_escalate_to: CommaList = Field(
        default=(),
        description="Channels to notify of alerts that nobody acknowledged in time, comma separated",
    )
    alert_escalate_after_minutes: int = Field(
        default=15, ge=1, le=1440, description="Minutes before an alert escalates; a rule can override it"
    )
    alert_no_resolved: CommaList = Field(
        default=(), description='Channels that get no "resolved" messages, comma separated'
    )
    alert_rota: CommaList = Field(
        default=(),
        description="Channels that take weekly turns, comma separated; rules name them as `on-call`",
    )
    alert_rota_hand_over: HandOver = Field(
        default="mon 10:00", description="Weekday and time of the weekly hand-over"
    )
    alert_rota_zone: ZoneName | None = Field(
        default=None, description="IANA time zone of the hand-over; `TIMEZONE` if not set"
    )
    alert_rota_begin: date = Field(
        default=date(2024, 1, 1),
        description="Start of the rota: its first channel is on call from the first hand-over on or after it",
    )
    alert_rota_swaps: Swaps = Field(
        default=(),
        description="Swapped weeks, by the day of their hand-over: `2026-12-21=meera`",
    )
    runbook_base_url: WebAddress = Field(
        default=None,
        description="Address of runbooks kept elsewhere; `{name}` in it is replaced by the runbook's name",
    )
    ack_link_key: LongSecret = Field(
        default=None,
        description="Key (22 characters or more) that signs acknowledge links; no links without it",
    )
    alert_rules_file: Path | None = Field(
        default=None, description="TOML file with alert rules, replacing the built-in ones"
    )
    alert_profile: Literal["strict", "quiet"] = Field(
        default="strict",
        description="Built-in rules: `strict`, or `quiet`, which waits 10 minutes and for significance",
    )
    alert_check_interval_seconds: int = Field(
        default=300, ge=10, le=3600, description="Seconds between checks of the alert rules"
    )

    scheduler_ping_url: SecretWebAddress = Field(
        default=None, description="URL to request after each check, for a dead man's switch"
    )

    api_host: str = Field(default="127.0.0.1", description="Address the API listens on")
    api_port: Port = Field(default=8000, description="Port of the API")
    api_keys: SecretCommaList = Field(default=(), description="API keys that can read, comma separated")
    api_write_keys: SecretCommaList = Field(
        default=(), description="API keys that can read and change, comma separated"
    )
    api_ingest_keys: SecretCommaList = Field(
        default=(), description="API keys that can only send calls, comma separated; docs/ingestion.md"
    )
    api_requests_per_minute: int = Field(
        default=1_200,
        ge=0,
        le=1_000_000,
        description="Requests per minute and API key, not counting calls that are sent; 0: no limit",
    )
    api_public_url: WebAddress = Field(
        default=None,
        description="Public address of the API, for webhooks and acknowledge links",
    )
    hook_secrets: SecretCommaList = Field(
        default=(), description="Secrets of webhook sources: source=secret, comma separated; docs/webhooks.md"
    )
    dashboard_host: str = Field(
        default="127.0.0.1",
        description="Address the dashboard listens on; any but loopback requires sign-in; docs/access.md",
    )
    dashboard_port: Port = Field(default=3000, description="Port of the dashboard")
    installation_name: Annotated[
        str | None,
        written_like(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", "letters, digits, ., _ and -, 40 at most, such as staging"
        ),
    ] = Field(
        default=None,
        description="Name of this installation in alerts, such as `staging`; generated for pagers if not set",
    )
    dashboard_public_url: WebAddress = Field(
        default=None, description="Public address of the dashboard, for links in alerts"
    )

    @property
    def tz(self) -> ZoneInfo:
        """Return TIMEZONE as a zone object."""
        return ZoneInfo(self.timezone)

    @property
    def dashboard_url(self) -> str:
        """Return the address people open the dashboard at, without a trailing slash."""
        return (self.dashboard_public_url or f"http://localhost:{self.dashboard_port}").rstrip("/")

    @property
    def api_url(self) -> str:
        """Return the address the API is reached at, without a trailing slash."""
        return (self.api_public_url or f"http://localhost:{self.api_port}").rstrip("/")

    @property
    def dashboard_has_proxy(self) -> bool:
        """Whether DASHBOARD_PUBLIC_URL is not this machine's own address, so a proxy must be in front."""
        host = urlsplit(self.dashboard_public_url or "").hostname
        return host is not None and not is_loopback(host)

    @field_validator("data_dir")
    @classmethod
    def _home(cls, value: Path) -> Path:
        if printable(str(value)) != str(value):  # MongoDB and the log could not name it
            raise ValueError("must be the name of a folder in UTF-8, without control characters")
        return value.expanduser()

    @model_validator(mode="after")
    def _swaps_begin_with_a_hand_over(self) -> Self:
        weekday = self.alert_rota_hand_over.partition(" ")[0]
        for day, name in self.alert_rota_swaps:
            if f"{day:%a}".lower() != weekday:
                raise ValueError(f"ALERT_ROTA_SWAPS: {day} is not a day of hand-over ({weekday})")
            if name not in self.alert_rota:
                raise ValueError(f"ALERT_ROTA_SWAPS names {name!r}, which is not in ALERT_ROTA")
        return self

    @model_validator(mode="after")
    def _splunk_is_complete(self) -> Self:
        if self.splunk_hec_url and not self.splunk_hec_token:
            raise ValueError("SPLUNK_HEC_URL is set but SPLUNK_HEC_TOKEN is not; set the collector's token")
        return self

    @model_validator(mode="after")
    def _email_is_complete(self) -> Self:
        if self.smtp_server and not self.alert_email_to:
            raise ValueError("SMTP_SERVER is set but ALERT_EMAIL_TO is not; set at least one recipient")
        if self.smtp_server and not self.alert_email_from:
            raise ValueError("SMTP_SERVER is set but ALERT_EMAIL_FROM is not; set the sender's address")
        return self


NAMES = frozenset(name.upper() for name in Settings.model_fields)
"""All variables."""


def _describe(error: ValidationError) -> str:
    """Return one line about the first problem: the variable and what is wrong, never the value."""
    first = error.errors()[0]
    if not first["loc"]:
        return problem(first)
    name = str(first["loc"][0]).upper()
    marks = around(os.environ.get(name, ""))
    return f"{name} {problem(first)}" + (f"; it has {marks} around its value" if marks else "")


def load_settings() -> Settings:
    """Read the environment again.

    Raises:
        SettingsError: a variable has a value that cannot be used, or a line of ``.env`` cannot be read.
    """
    if problems := read_env_file(NAMES).problems:
        raise SettingsError(problems[0])
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_describe(error)) from None


def load_what_is_good() -> tuple[Settings, list[SettingsError]]:
    """Return the usable settings, with defaults in place of bad ones, and what was wrong with those.

    For code that must keep going, such as logging: one bad setting does not affect the others.
    """
    file = read_env_file(NAMES)
    problems = [SettingsError(problem) for problem in file.problems]
    given: dict[str, Any] = _not_in_environment(file.values) if problems else {}
    path = None if problems else ENV_FILE
    for _ in range(len(Settings.model_fields)):
        try:
            return Settings(_env_file=path, **given), problems
        except ValidationError as error:
            problems.append(SettingsError(_describe(error)))
            given |= {
                name: Settings.model_fields[name].get_default(call_default_factory=True)
                for name in _to_leave_out(error)
            }
    return Settings.model_construct(), problems


_BELONGING_TOGETHER = ("splunk_hec_url", "smtp_server", "alert_rota_swaps")
"""Settings that need another one: if a pair is incomplete, this one falls back to its default."""


def _to_leave_out(error: ValidationError) -> list[str]:
    """Return the setting that the first problem is about; of a pair, the one that needs the other."""
    first = error.errors()[0]
    if first["loc"]:
        return [str(first["loc"][0])]
    text = problem(first)
    return [name for name in _BELONGING_TOGETHER if text.startswith(name.upper())] or [*_BELONGING_TOGETHER]


def _not_in_environment(written: dict[str, str]) -> dict[str, str]:
    """Return what ``.env`` says of our fields, without what the environment sets itself."""
    said = {name.lower(): value for name, value in written.items()}
    set_already = {name.lower() for name, value in os.environ.items() if value}
    return {name: said[name] for name in said.keys() & Settings.model_fields.keys() - set_already}


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    return load_settings()
