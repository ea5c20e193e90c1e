"""The work: whether calls arrive, roll-ups keep up, old calls are archived, and alerts are checked."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bson import Timestamp
from pymongo.database import Database

from core.aggregation.activity import newest_call_start
from core.alerting.channels.configured import configured_channels
from core.alerting.rules.rule_store import rules_in_force
from core.alerting.rules.soundness import circle_slips, slips
from core.alerting.rules.toml_file import UNNAMED
from core.clock import utc_now
from core.doctor.result import Finding, State
from core.errors import UserError
from core.health import RollUpHealth, RollUpState, rollup_health
from core.models.alerts import AlertState
from core.models.outbox import WAITING, OutboxState
from core.scheduler.heartbeat import Heartbeat, scheduler_heartbeat
from core.scheduler.journal import ROLL_UPS
from core.settings import get_settings
from core.storage.archive.archived_rows import folder, parts
from core.storage.archive.mover import cutoff
from core.storage.archive.unread import waiting_windows
from core.storage.collections import A_TIME, ALERTS, CALLS, OUTBOX, RULE_HEALTH
from core.storage.recording.versions import CLOCKS_DIFFER
from core.storage.server.connection import server_time
from core.types import Document, counted

_START = "start the scheduler: python -m run_scheduler"
_NAMED = 10
_LOOK_MS = 10_000
_SAMPLE, _FEW = 200, 3
_LATEST = 50_000
"""Of how many calls the versions are looked at, however many a week has."""
_A_DAY = timedelta(days=1)
_ARCHIVE_LATE = timedelta(days=2)
_AHEAD = timedelta(hours=1)
_MESSAGE_LATE = timedelta(minutes=15)
_LOOK_BACK = timedelta(days=7)


def calls(database: Database[Document]) -> Finding:
    """Return whether calls arrive, and with plausible times."""
    newest = newest_call_start(database)
    if newest is None:
        return Finding("calls", State.OFF, "none recorded yet; docs/getting-started.md shows how")
    count = database[CALLS].estimated_document_count()
    local = newest.astimezone(get_settings().tz)
    text = f"about {count:,}, the newest started {local:%Y-%m-%d %H:%M %Z}"
    if ahead := _versions_ahead(database):
        text = f"{text}; the clock of a recording machine was ahead for: {', '.join(ahead)}"
        remedy = "set its clock; recording or importing a call again still replaces it"
        return Finding("calls", State.WARN, text, remedy)
    remedy = f"is TIMEZONE={get_settings().timezone} right for times recorded without a zone?"
    if (late := _always_late(database)) is not None:
        hours = late.total_seconds() / 3_600
        text = f"{text}; the latest were all recorded {hours:,.1f} h after they ended"
        return Finding("calls", State.WARN, text, f"{remedy} {_machine_zone()}")
    if newest - utc_now() > _AHEAD:
        return Finding("calls", State.WARN, f"{text}, which is in the future", remedy)
    return Finding("calls", State.OK, text)


def _machine_zone() -> str:
    return f"this machine's clock shows UTC{utc_now().astimezone():%z}"


def _always_late(database: Database[Document]) -> timedelta | None:
    """Return how long after their end a day's last calls were recorded, if all are late by the same time.

    This is what calls with times in the wrong zone look like. Spooled or imported calls differ from each
    other.
    """
    since = {"recorded_at": {"$gte": Timestamp(server_time(database) - _A_DAY, 0)}}
    fields = {"recorded_at": 1, "start_time": 1, "end_time": 1}
    rows = database[CALLS].find(since, fields).sort("recorded_at", -1).limit(_SAMPLE)
    ends = ((row["recorded_at"].as_datetime(), row.get("end_time") or row.get("start_time")) for row in rows)
    delays: list[timedelta] = sorted(recorded - end for recorded, end in ends if isinstance(end, datetime))
    if len(delays) < _FEW or delays[0] < _AHEAD or delays[-1] - delays[0] > _AHEAD:
        return None
    return delays[len(delays) // 2]


def _versions_ahead(database: Database[Document]) -> list[str]:
    """Return some of the latest calls whose version, the time of recording, is in the future."""
    now = server_time(database)
    latest = int((now + CLOCKS_DIFFER).timestamp() * 1_000_000)
    steps: list[Document] = [
        {"$match": {"recorded_at": {"$gte": Timestamp(now - _LOOK_BACK, 0)}}},
        {"$sort": {"recorded_at": -1}},
        {"$limit": _LATEST},
        {"$match": {"version": {"$gt": latest}}},
        {"$limit": _NAMED},
        {"$project": {"_id": 1}},
    ]
    return [row["_id"] for row in database[CALLS].aggregate(steps, maxTimeMS=_LOOK_MS)]


def roll_ups(database: Database[Document]) -> Iterator[Finding]:
    """Return whether roll-ups keep up, and contain every call."""
    health = rollup_health(database)
    if health.set_apart:
        named = ", ".join(health.set_apart[:_NAMED])
        text = f"{counted(len(health.set_apart), 'call')} cannot be rolled up; not in any figure: {named}"
        yield Finding("roll-ups", State.WARN, text, "correct and record them again, or delete them")
    yield _rolled_up(database, health)


def _rolled_up(database: Database[Document], health: RollUpHealth) -> Finding:
    if health.failing:
        since = f"{health.failing.since.astimezone(get_settings().tz):%Y-%m-%d %H:%M %Z}"
        reason = f"{counted(health.failing.times, 'time')}, most recently because of {health.failing.reason}"
        text = f"every refresh since {since} has failed, {reason}"
        remedy = f"see {ROLL_UPS} in the scheduler's log; until then charts read the calls directly"
        return Finding("roll-ups", State.FAIL, text, remedy)
    if health.ahead is not None:
        hours = health.ahead.total_seconds() / 3_600
        text = f"refreshed {hours:,.1f} h in the future: the database's clock was ahead"
        return Finding("roll-ups", State.WARN, text, f"the next refresh corrects it; {_START}")
    if health.lag is None:
        if newest_call_start(database) is None:
            return Finding("roll-ups", State.OFF, "there are no calls yet")
        return Finding("roll-ups", State.WARN, "never built: charts read the calls directly", _START)
    seconds = health.lag.total_seconds()
    marked = counted(health.waiting, "window")
    text = f"up to date as of {seconds:,.0f} s ago, {marked} marked for recomputation"
    if health.state is RollUpState.STALE:
        return Finding("roll-ups", State.WARN, f"{text}; charts read newer calls directly", _START)
    return Finding("roll-ups", State.OK, text)


def archive(database: Database[Document]) -> Finding:
    """Return whether old calls leave the database, and whether the archive can be read from here."""
    days = get_settings().raw_retention_days
    kept = parts(database, {}, [])
    rows, size = sum(part.rows for part in kept), sum(part.bytes for part in kept)
    text = f"{counted(rows, 'record')} in {counted(len(kept), 'file')}, {size / 1e6:,.1f} MB"
    remedy = "restore the files from a backup, or set DATA_DIR to that of the archiving machine"
    if missing := sum(not (folder(database) / part.file).is_file() for part in kept):
        text = f"{text}; {missing:,} of the files are missing"
    if waiting := len(waiting_windows(database)):
        text = f"{text}; figures of {counted(waiting, 'quarter hour')} wait for a file that cannot be read"
    if missing or waiting:
        return Finding("archive", State.FAIL, text, remedy)
    late = {"recorded_at": {"$lt": Timestamp(cutoff(database) - _ARCHIVE_LATE, 0)}, "start_time": A_TIME}
    if database[CALLS].find_one(late, {"_id": 1}):
        text += f"; calls older than RAW_RETENTION_DAYS ({days}) are still in the database"
        return Finding("archive", State.WARN, text, "move them: python -m core archive")
    return Finding("archive", State.OK, f"{text}; calls stay {days} days in the database")


def scheduler(database: Database[Document]) -> Finding:
    """Return whether anything checks the alert rules, with the channels that are set up here."""
    heartbeat = scheduler_heartbeat(database)
    if heartbeat is None:
        return Finding("scheduler", State.WARN, "has never run: no alerts are checked", _START)
    local = heartbeat.at.astimezone(get_settings().tz)
    text = f"last heartbeat {local:%Y-%m-%d %H:%M:%S %Z}"
    if heartbeat.is_silent(server_time(database)):
        return Finding("scheduler", State.FAIL, f"silent, {text}: no alerts are checked", _START)
    if unknown := _unknown_to(heartbeat):
        text += f"; set up here, but not known to it: {', '.join(unknown)}"
        return Finding("scheduler", State.WARN, text, "restart it: it reads its settings when it starts")
    return Finding("scheduler", State.OK, text)


def _unknown_to(heartbeat: Heartbeat) -> list[str]:
    if heartbeat.channels is None:
        return []
    try:
        return sorted(configured_channels(get_settings()).keys() - heartbeat.channels)
    except UserError:  # said of the channels themselves
        return []


def outbox(database: Database[Document]) -> Finding:
    """Return whether alerts reach people."""
    late = utc_now() - _MESSAGE_LATE
    waiting = database[OUTBOX].count_documents({"state": {"$in": list(WAITING)}, "created_at": {"$lt": late}})
    given_up = {"state": OutboxState.DEAD, "done_at": {"$gt": utc_now() - _LOOK_BACK}}
    dead = list(database[OUTBOX].find(given_up).sort("done_at", -1))
    late_ones = counted(waiting, "message has", "messages have")
    given = counted(len(dead), "was", "were")
    text = f"{late_ones} waited for more than 15 minutes, {given} given up this week"
    if dead:
        last = f"{dead[0]['channel']}: {dead[0]['reason']}"
        return Finding("outbox", State.WARN, f"{text}, the last: {last}", "python -m core test-alert")
    return Finding("outbox", State.WARN if waiting else State.OK, text, _START if waiting else "")


def rules(database: Database[Document]) -> Iterator[Finding]:
    """Return whether the alert rules are usable, and how many alerts there are."""
    found = rules_in_force(database)
    in_force = {rule.id for rule in found.rules}
    for rule_id, line in found.broken.items():
        kept = rule_id in in_force or rule_id == UNNAMED
        what = "its last valid version is checked" if kept else "it is not checked"
        since = _refused_since(database, rule_id)
        yield Finding("alert rules", State.WARN, f"{line}{since}", f"{what}; correct or delete it")
    for line in found.leaving:
        yield Finding("alert rules", State.WARN, line, "if that is not intended, put it back")
    takes = {name: channel.severities for name, channel in configured_channels(get_settings()).items()}
    for rule in found.enabled if takes else ():
        for slip in slips(rule, takes, in_force):
            yield Finding(
                "alert rules", State.WARN, slip, "correct it: it does not notify the channels it should"
            )
    for slip in circle_slips(found.enabled):
        yield Finding("alert rules", State.WARN, slip, "take one of them out of the other's inhibits")
    firing = database[ALERTS].count_documents({"state": AlertState.FIRING})
    off = len(found.rules) - len(found.enabled)
    text = f"{len(found.enabled):,} enabled, {off:,} disabled; {counted(firing, 'alert')} firing"
    if not found.enabled:
        yield Finding("alert rules", State.WARN, text, "enable one: no alert can fire")
    else:
        yield Finding("alert rules", State.OK, text)


def _refused_since(database: Database[Document], rule_id: str) -> str:
    row = database[RULE_HEALTH].find_one({"_id": rule_id, "errors": {"$gt": 0}})
    since = row.get("since") if row else None
    return f"; since {since.astimezone(get_settings().tz):%Y-%m-%d %H:%M %Z}" if since else ""
