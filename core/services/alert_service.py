"""Alerting: what the agent calls to send an alert, and the scheduler to check the rules."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from bson.errors import BSONError
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from core.alerting.channels.base import Channel, send_directly
from core.alerting.channels.configured import CHANNEL_NAMES, configured_channels
from core.alerting.channels.message import alert_message
from core.alerting.check import check_alerts
from core.alerting.installation import installation_name, name_while_away
from core.alerting.notify.custom_alerts import beginning, takers, tell_ends
from core.alerting.notify.muting import silenced_by
from core.alerting.notify.sender import Delivery, dispatch
from core.alerting.notify.silences import current_silences
from core.alerting.report import CheckReport
from core.alerting.rota import duty
from core.alerting.rules.rule_store import keep_good, rules_in_force_async
from core.alerting.state.alert_store import AlertStore, active_alerts_async
from core.alerting.state.lifecycle import fingerprint
from core.clock import to_utc, utc_now
from core.errors import UserError, one_line
from core.logging_config import get_logger
from core.models.alerts import Alert, AlertState, Severity
from core.privacy.keys import Kind, kind_of
from core.privacy.masking import mask_text, mask_value
from core.privacy.sensitive import replaced
from core.settings import get_settings
from core.storage.server.connection import database_for_loop, server_time_async
from core.types import Document

__all__ = ["AlertService", "CheckReport", "check_and_send_alerts"]

logger = get_logger("alerting")
_MASKED_WHOLE = frozenset(
    {
        *(Kind.PHONE, Kind.EMAIL, Kind.PAN, Kind.AADHAAR, Kind.ACCOUNT, Kind.CARD, Kind.UPI),
        *(Kind.TRANSCRIPT, Kind.SECRET, Kind.VOTER, Kind.PASSPORT, Kind.LICENCE),
    }
)
"""Kinds of which masking leaves only a few digits, whatever the value looks like."""
MAX_TYPE_LENGTH = 128
MAX_DIGITS = 18  # of an integer that MongoDB can store


class Answer(dict[str, bool]):
    """For each channel, whether an alert arrived there; False if the channel is not configured."""

    def __init__(
        self, delivered: Mapping[str, bool], waiting: Collection[str] = (), *, held_back: bool = False
    ) -> None:
        super().__init__(dict.fromkeys(CHANNEL_NAMES, False) | dict(delivered))
        self.waiting = frozenset(waiting)
        """Channels whose rate limit is reached; the alert follows there by itself."""
        self.held_back = held_back
        """Whether nothing was sent because the alert is silenced, or acknowledged and no worse since."""


async def check_and_send_alerts(
    db: AsyncDatabase[Document] | None = None, at: datetime | None = None, dry_run: bool = False
) -> CheckReport:
    """Check the alert rules as of ``at`` (default: now) and send what is due.

    Args:
        db: a PyMongo ``AsyncDatabase``; None for the configured one.
        at: replays history: calls, state and times are as of then; messages are really sent.
        dry_run: only report what would be sent; send and store nothing.

    Raises:
        UserError: ALERT_RULES_FILE cannot be used, and never could.
        PyMongoError: the database does not answer.
    """
    settings = get_settings()
    database = database_for_loop(db)
    now = await server_time_async(database)
    if at and not dry_run and to_utc(at) > now:
        raise UserError("the time to check is in the future; add --dry-run to try rules out")
    rules = await rules_in_force_async(database)
    if not dry_run:
        await keep_good(database, rules)
    report = await check_alerts(
        database,
        to_utc(at) if at else to_utc(now),
        present=at is None,
        rules=rules.enabled,
        refused=rules.refused,
        broken=rules.broken,
        channels=configured_channels(settings),
        dry_run=dry_run,
    )
    report.notes += rules.leaving
    return report


class AlertService:
    """Sends the agent's own alerts, and returns which alerts are active.

    ``db`` is a PyMongo ``AsyncDatabase``; the configured one if left out.
    """

    def __init__(self, db: AsyncDatabase[Document] | None = None) -> None:
        self._db = db

    async def send_alert(
        self,
        alert_type: str,
        severity: Severity | str,
        message: str,
        current_value: float | None = None,
        threshold_value: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send an alert now; return for each channel whether it arrived (False if it is not configured).

        It is active until four hours pass without the same ``alert_type`` being sent again. What a channel
        does not accept now, the scheduler sends later. What exceeds a channel's rate limit follows in a
        digest, and the channel is in the answer's ``waiting``. A channel or database that is unavailable does
        not raise; it is logged. One that is silenced, or acknowledged and no more severe since, is kept but
        not sent: all are False, and the answer is ``held_back``.

        Raises:
            UserError: an argument or ALERT_APPRISE_URLS is invalid.
        """
        values = {"current_value": current_value, "threshold_value": threshold_value}
        alert = _custom_alert(alert_type, severity, message, values, metadata)
        channels = configured_channels(get_settings())
        if not channels:
            logger.warning("Alert not sent: no channel is set up", extra={"alert_type": alert.alert_type})
        try:
            return await self._send_through_outbox(alert, channels)
        except (PyMongoError, UserError, BSONError, ValueError, OverflowError) as error:
            logger.error(  # noqa: TRY400 (the reason is enough, the traceback is the driver's)
                "Alert could not be stored; it is sent all the same",
                extra={"alert_type": alert.alert_type, "reason": type(error).__name__},
            )
            own = name_while_away(get_settings().mongodb_database if self._db is None else self._db.name)
            outcome = await send_directly(_channels_for(alert, channels), alert_message(alert, own))
            return Answer({name: None in reasons.values() for name, reasons in outcome.items()})

    async def resolve_alert(self, alert_type: str) -> Answer:
        """End an alert that was sent; return for each channel whether that message arrived.

        Notifies the channels that got the alert. All are False if no such alert is active.

        Raises:
            UserError: ALERT_APPRISE_URLS is invalid.
        """
        channels = configured_channels(get_settings())
        database = database_for_loop(self._db)
        name = fingerprint("custom", _text(alert_type))
        try:
            if not await AlertStore(database).resolve_custom(name, to_utc(await server_time_async(database))):
                return Answer({})
            told = await tell_ends(database, channels, only=[name])
        except PyMongoError as error:
            extra = {"alert_type": alert_type, "reason": type(error).__name__}
            logger.error("Alert could not be resolved", extra=extra)  # noqa: TRY400 (the reason is enough)
            return Answer({})
        return _answer((notification.channel, delivery) for notification, delivery in told)

    async def send_test_alert(self) -> dict[str, bool]:
        """Send a test message to every channel; return whether every recipient got it. Nothing is stored.

        Raises:
            UserError: ALERT_APPRISE_URLS is invalid.
        """
        outcome = await self.try_channels()
        return Answer({name: not any(reasons.values()) for name, reasons in outcome.items()})

    async def try_channels(self, only: str | None = None) -> dict[str, dict[str, str | None]]:
        """Send a test message to every channel; return by channel and recipient why it failed, or None.

        At a pager an incident is opened and closed again. Nothing is stored, and no reason contains a secret.

        Args:
            only: name of the one channel to try; None tries all.

        Raises:
            UserError: ALERT_APPRISE_URLS is invalid.
        """
        text = "This is a test: alerts of the voice agent reach you here."
        alert = _custom_alert("test", Severity.INFO, text).model_copy(update={"id": uuid4().hex[:16]})
        channels = {
            name: channel
            for name, channel in configured_channels(get_settings()).items()
            if only is None or name == only
        }
        outcome = await send_directly(channels, alert_message(alert))
        over = {"state": AlertState.RESOLVED, "resolved_at": alert.updated_at}
        pagers = {name: channel for name, channel in channels.items() if channel.pages}
        closed = await send_directly(pagers, alert_message(alert.model_copy(update=over)))
        for name, reasons in closed.items():
            outcome[name] = {label: outcome[name][label] or reason for label, reason in reasons.items()}
        return outcome

    async def get_active_alerts(self) -> list[Alert]:
        """Return the firing alerts, worst first.

        Raises:
            PyMongoError: the database does not answer.
        """
        return await active_alerts_async(database_for_loop(self._db))

    async def _send_through_outbox(self, alert: Alert, channels: Mapping[str, Channel]) -> Answer:
        database = database_for_loop(self._db)
        now = to_utc(await server_time_async(database))
        alert = alert.model_copy(update={"started_at": now, "updated_at": now})
        muted = silenced_by(alert, await current_silences(database, now), now)
        kept = await AlertStore(database).keep_custom(alert.model_copy(update={"silenced_by": muted}))
        if kept.muted or kept.held(now):
            return Answer({}, held_back=True)
        own = await installation_name(database)
        channels = _channels_for(alert, channels)
        delivered = await dispatch(database, [beginning(kept, name, own) for name in channels], channels)
        return _answer(zip(channels, delivered, strict=True))


def _answer(deliveries: Iterable[tuple[str, Delivery]]) -> Answer:
    became = dict(deliveries)
    waiting = [name for name, delivery in became.items() if delivery == Delivery.WAITS]
    return Answer({name: delivery == Delivery.SENT for name, delivery in became.items()}, waiting)


def _channels_for(alert: Alert, channels: Mapping[str, Channel]) -> Mapping[str, Channel]:
    """Return the channels that accept alerts of this severity and are on duty at the alert's time."""
    return takers(alert, channels, duty(get_settings(), alert.updated_at).off)


def _storable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return any metadata in a form that can be stored.

    What neither JSON nor MongoDB can express becomes text; names lose their NULs, texts half surrogate pairs.
    """

    def integer(digits: str) -> int | str:
        return int(digits) if len(digits) <= MAX_DIGITS else digits

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name.replace("\0", "\N{SYMBOL FOR NULL}"): value for name, value in pairs}

    text = json.dumps(dict(metadata), default=str, ensure_ascii=False).encode(errors="replace")
    storable: dict[str, Any] = json.loads(text, parse_int=integer, object_pairs_hook=table)
    return storable


def _text(given: str) -> str:
    """Return a text that every channel and the store accept.

    Half a surrogate pair becomes a question mark.
    """
    return given.strip().encode(errors="replace").decode()


def _unsaid(path: str, value: object) -> object:
    """Return what is sent in place of a personal value: its mask, or only that there was one."""
    return value if kind_of(path.rpartition(".")[2]) in _MASKED_WHOLE else "[personal]"


def _custom_alert(
    alert_type: str,
    severity: Severity | str,
    message: str,
    values: Mapping[str, float | None] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Alert:
    if not isinstance(alert_type, str) or not 0 < len(alert_type.strip()) <= MAX_TYPE_LENGTH:
        raise UserError(f"alert_type must be a text of 1 to {MAX_TYPE_LENGTH} characters")
    if not isinstance(message, str) or not message.strip():
        raise UserError("message is empty; write what happened")
    if severity not in list(Severity):
        raise UserError(f"severity {severity!r} is unknown; use one of {', '.join(Severity)}")
    now = to_utc(utc_now())
    name = _text(alert_type)
    try:
        return Alert(
            id=fingerprint("custom", name),
            alert_type=name,
            name=name,
            severity=Severity(severity),
            state=AlertState.FIRING,
            # Whatever the agent passes goes to people and services outside.
            message=mask_text(_text(message)),
            started_at=now,
            updated_at=now,
            metadata=mask_value(replaced(_storable(metadata or {}), _unsaid)),
            **dict(values or {}),
        )
    except ValidationError as error:
        raise UserError(one_line(error)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"metadata cannot be written as JSON: {error}") from None
