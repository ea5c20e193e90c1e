"""The demo's past: two weeks of calls with turns, requests and alerts, written at once."""

import logging
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice

from bson import Timestamp
from pymongo import UpdateMany
from pymongo.database import Database
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from core.aggregation.activity import last_call_ended_at
from core.aggregation.daily import refresh_days
from core.clock import utc_now
from core.demo.alerts import keep_rule, replay_checks
from core.demo.calls import SimulatedAgent, lead_id_of
from core.demo.journey import LEAD, journey
from core.demo.lines import Line, lines_of
from core.demo.story import HISTORY, Story, story_of
from core.demo.turns import requests_of, turns_of
from core.models.metrics import CallMetrics, ServiceSample
from core.storage.calls import write_calls
from core.storage.collections import CALLS, LOGS
from core.storage.recording.records import Record
from core.storage.recording.service_minutes import ServiceMinutes
from core.storage.recording.write import MAX_BATCH, write
from core.types import Document

BATCH = 500
DETAIL_WITHIN = timedelta(hours=24)
"""Calls newer than this, or around an incident, have turns, and requests by the minute."""
DETAIL_AROUND = timedelta(hours=1)
RECORDED_WITHIN = timedelta(minutes=15)


def fill_history(database: Database[Document], console: Console, seed: int | None = None) -> int:
    """Write the past since the newest stored call, at most two weeks; return its number of calls."""
    now = utc_now()
    newest = last_call_ended_at(database)
    start = max(newest, now - HISTORY) if newest else now - HISTORY
    story = story_of(now)
    rng = random.Random(seed)  # noqa: S311 (no secret)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Generating two weeks of calls", total=(now - start).total_seconds())
        written = 0
        agent = SimulatedAgent(rng, story)
        told = (call for call in journey(agent, story) if call.start_time > start)
        past = chain(told, agent.history(start, now))
        while batch := list(islice(past, BATCH)):
            written += write_calls(database, batch).inserted
            _write_details(database, story, batch, rng)
            progress.update(task, completed=(batch[-1].start_time - start).total_seconds())
        progress.update(task, description="Rolling them up", total=None)
        refresh_days(database)
        keep_rule(database)
        progress.update(task, description="Checking the alert rules over them")
        replay_checks(story, start)
        _date_back(database, start, now)
    return written


def _date_back(database: Database[Document], start: datetime, end: datetime) -> None:
    """Date each call's recording to within minutes of its end, or all of the past would count as late.

    Only done once all calls are rolled up, because the roll-ups find new calls by the real timestamps.
    """
    count = (end - start) // RECORDED_WITHIN + 1
    ends = [min(start + RECORDED_WITHIN * (number + 1), end) for number in range(count)]
    rows = [
        UpdateMany(
            {"end_time": {"$gte": at - RECORDED_WITHIN, "$lt": at}},
            {"$set": {"recorded_at": Timestamp(at, 1)}},
        )
        for at in reversed(ends)
    ]
    database[CALLS].bulk_write(rows, ordered=True)


def _write_details(
    database: Database[Document], story: Story, calls: Sequence[CallMetrics], rng: random.Random
) -> None:
    minutes = ServiceMinutes()
    records: list[Record] = []
    lines: list[Document] = []
    for call in calls:
        detailed = _is_detailed(story, call)
        if detailed:
            turns = turns_of(call, rng)
            records += [Record.now(turn) for turn in turns]
            lines += [_log_line(call, line) for line in lines_of(call, turns)]
        for sample in _requests(call, rng, detailed=detailed):
            minutes.add(sample)
    records += [Record.now(minute) for minute in minutes.take()]
    for first in range(0, len(records), MAX_BATCH):
        write(database, records[first : first + MAX_BATCH])
    if lines:
        database[LOGS].insert_many(lines, ordered=False)


def _log_line(call: CallMetrics, line: Line) -> Document:
    known = {"call_id": call.call_id, "lead_id": call.lead_id, "component": line.component}
    level = logging.getLevelName(line.level)
    return {"timestamp": line.at, "level": level, **known, "message": line.message, **line.extra}


def _requests(call: CallMetrics, rng: random.Random, *, detailed: bool) -> Iterator[ServiceSample]:
    for sample in requests_of(call, rng):
        if not detailed:  # one document per quarter hour is enough
            sample.at -= timedelta(minutes=sample.at.minute % 15)
        yield sample


def _is_detailed(story: Story, call: CallMetrics) -> bool:
    at, near = call.start_time, DETAIL_AROUND
    told = call.lead_id == lead_id_of(LEAD) or at >= story.now - DETAIL_WITHIN
    return told or any(t.start - near <= at < t.end + near for t in story.past)
