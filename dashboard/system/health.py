"""Parts of System: health tiles, metric definitions, and checking a day."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

import pandas as pd
import streamlit as st

from core.access.permissions import Permission
from core.aggregation.drift import Drift
from core.clock import local_today
from core.errors import UserError
from core.health import LATE_AFTER, CollectionSize, RollUpState, SystemHealth
from core.models.definitions import METRICS, Metric
from core.models.metrics import CallSummary, CostSummary, Percentiles, SentimentCounts
from core.models.outbox import WAITING, OutboxState
from core.types import counted
from dashboard import formats, visitor
from dashboard.panels import boards
from dashboard.panels.panel import Panel, fails_alone, page_table, show, table_behind
from dashboard.queries import cache, system_queries
from dashboard.queries.system_queries import Trust

Color = Literal["green", "orange", "red", "gray"]
_NAMED = 10
_ICONS: dict[Color, str] = {
    "green": ":material/check_circle:",
    "orange": ":material/warning:",
    "red": ":material/error:",
    "gray": ":material/info:",
}


@dataclass(frozen=True)
class Tile:
    """A health figure and what it means."""

    key: str
    label: str
    value: str
    words: str
    color: Color
    help: str


def tiles(trust: Trust, now: datetime) -> None:
    """Draw the health tiles."""
    health = trust.health
    made = (_active, _scheduler, _lag, _apart, _spool, _lost, _outbox, _rules)
    with st.container(key="tiles"):
        for tile in (*(make(health, now) for make in made), _late(trust)):
            with st.container(key=f"tile-{tile.key}"):
                st.metric(
                    tile.label,
                    tile.value,
                    tile.words,
                    delta_color=tile.color,
                    delta_arrow="off",
                    icon=_ICONS[tile.color],
                    help=tile.help,
                    border=True,
                    height="stretch",
                )


def _active(health: SystemHealth, _: datetime) -> Tile:
    words = "in progress"
    return Tile(
        "active",
        "Active calls",
        f"{health.active_calls:,}",
        words,
        "gray",
        "Started, not ended, and heard from in the last 90 seconds. Agents that do not report when calls "
        "begin show none.",
    )


def _scheduler(health: SystemHealth, now: datetime) -> Tile:
    means = "Checks alert rules and updates the roll-ups. Counts as silent after two missed heartbeats."
    beat = health.heartbeat
    if beat is None:
        return Tile("scheduler", "Scheduler", "never ran", "alerts are not checked", "red", means)
    words = f"last heard {formats.ago(now - beat.at)}"
    if beat.is_silent(now):
        return Tile("scheduler", "Scheduler", "silent", words, "red", means)
    return Tile("scheduler", "Scheduler", "alive", words, "green", means)


def _lag(health: SystemHealth, _: datetime) -> Tile:
    means = (
        "How far the roll-ups are behind. Newer calls are read directly: figures are always up to date, "
        "only slower to draw."
    )
    found = health.rollups
    value = formats.NONE if found.lag is None else formats.span(found.lag)
    if found.failing:
        words = f"{found.failing.times:,} refreshes in a row failed"
        return Tile(
            "lag", "Roll-up lag", value, words, "red", f"{means} The scheduler's log says why they fail."
        )
    if found.lag is None:
        return Tile("lag", "Roll-up lag", value, "figures read from calls", "orange", means)
    words = f"{found.waiting:,} windows to update" if found.waiting else "up to date"
    stale = found.state is not RollUpState.CURRENT
    return Tile("lag", "Roll-up lag", value, words, "orange" if stale else "green", means)


def _apart(health: SystemHealth, _: datetime) -> Tile:
    ids = health.rollups.set_apart
    means = "Calls the roll-ups cannot read, perhaps written by another tool. They are in no figure."
    if not ids:
        return Tile("apart", "Calls set apart", "0", "all calls counted", "green", means)
    named = ", ".join(map(formats.plain, ids[:_NAMED]))
    means = f"{means} Correct and record them again, or delete them: {named}"
    return Tile("apart", "Calls set apart", f"{len(ids):,}", "not in any figure", "orange", means)


def _spool(health: SystemHealth, now: datetime) -> Tile:
    spool = health.spool
    means = (
        "Records kept on this machine's disk until the database can take them; they are sent automatically."
    )
    words = f"oldest {formats.ago(now - spool.oldest)}" if spool.oldest else "nothing waiting"
    return Tile("spool", "Spool", f"{spool.waiting:,}", words, "orange" if spool.waiting else "green", means)


def _lost(health: SystemHealth, _: datetime) -> Tile:
    spool = health.spool
    means = (
        "Records that neither the database nor the disk could take. Set aside: records the database rejects, "
        "kept in DATA_DIR/spool/*/dead with the reason."
    )
    words = f"{spool.dead:,} set aside" if spool.dead else "none set aside"
    color: Color = "red" if spool.lost else "orange" if spool.dead else "green"
    return Tile("lost", "Lost records", f"{spool.lost:,}", words, color, means)


def _outbox(health: SystemHealth, now: datetime) -> Tile:
    states, oldest = health.outbox.states, health.outbox.oldest_waiting
    waiting, dead = sum(states.get(state, 0) for state in WAITING), states.get(OutboxState.DEAD, 0)
    means = "Alert messages waiting to be sent. Retry failed ones on Alerts, Channels."
    words = f"oldest {formats.ago(now - oldest)}" if oldest else "nothing waiting"
    if dead:
        return Tile("outbox", "Outbox", f"{waiting:,}", f"{dead:,} undeliverable", "red", means)
    return Tile("outbox", "Outbox", f"{waiting:,}", words, "orange" if waiting else "green", means)


def _rules(health: SystemHealth, _: datetime) -> Tile:
    n = health.failing_rules
    words = "cannot be evaluated" if n else "all can be evaluated"
    return Tile("rules", "Failing rules", f"{n:,}", words, "red" if n else "green", "Alert rules with errors")


def _late(trust: Trust) -> Tile:
    late = trust.late
    words = f"of {late.recorded:,} in 24 h" if late.recorded else "none recorded in 24 h"
    means = (
        f"Calls recorded in the last 24 hours more than {LATE_AFTER.seconds // 3600} hour after they began: "
        "from the spool, or by an import. Their windows are rolled up again."
    )
    return Tile("late", "Late arrivals", f"{late.late:,}", words, "gray", means)


@fails_alone("Metric definitions and coverage")
def definitions(summary: CallSummary, trust: Trust, zone: tzinfo) -> Panel:
    """Return each metric's definition, denominator, and coverage in the period."""
    until = trust.health.rollups.until
    rows = [_definition(metric, summary) for metric in METRICS.values()]
    rolled = f"rolled up until {until.astimezone(zone):%-d %b %H:%M:%S}" if until else "not rolled up yet"
    table = pd.DataFrame(rows)
    return Panel(
        "definitions",
        "Metric definitions and coverage",
        f"{rolled[:1].upper()}{rolled[1:]}; newer calls are read directly · {trust.late.late:,} of "
        f"{counted(trust.late.recorded, 'call')} recorded in 24 h arrived late · n {summary.total_calls:,}",
        table=table,
        page=table.map(formats.plain),
    )


def _definition(metric: Metric, summary: CallSummary) -> dict[str, str]:
    value: object = summary.sentiment if metric.key == "sentiment_score" else getattr(summary, metric.key)
    n, coverage = _coverage(metric, value, summary)
    return {
        "Metric": metric.label,
        "Definition": metric.meaning,
        "Of": metric.of,
        "n": f"{n:,}",
        "Coverage": formats.number(coverage, "share"),
    }


def _coverage(metric: Metric, value: object, summary: CallSummary) -> tuple[int, float | None]:
    """Return how many calls a figure is based on, and their share of all it could be based on."""
    total = summary.total_calls
    if isinstance(value, Percentiles | CostSummary):
        return value.n, value.coverage
    if isinstance(value, SentimentCounts):
        n = value.negative + value.neutral + value.positive
        return n, n / total if total else None
    n = summary.completed_calls if metric.of.startswith("completed") else total
    return n, 1.0 if total else None


def check_a_day() -> None:
    """Recompute a day from its calls, and show what differs from the roll-ups."""
    with st.container(border=True, key="chart-check-day", gap="small"):
        st.markdown("## Check a day against its calls")
        st.caption("Reads every call of the day, recomputes all figures and compares them with the roll-ups.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            day = st.date_input(
                "Day", local_today() - timedelta(days=1), format="DD/MM/YYYY", key="check-date", width=160
            )
            pressed = st.button("Recompute", icon=":material/fact_check:", key="check-button")
        if pressed:
            with st.spinner("Reading the calls of the day"):
                st.session_state["drift"] = cache.ask(day, system_queries.check_day, day).value
        found: Drift | None = st.session_state.get("drift")
        if found and found.day == day:
            _found(found)


def _found(found: Drift) -> None:
    day, calls = formats.day(found.day), counted(found.calls, "call")
    if not found.differences:
        st.success(f"No drift on {day}: {found.figures} figures from {calls} match.", icon=":material/check:")
        return
    st.warning(
        f"{len(found.differences)} of {found.figures} figures of {day} differ from its {calls}.",
        icon=":material/warning:",
    )
    rows = [
        {
            "Figure": formats.plain(difference.figure),
            "Shown": formats.plain(str(difference.rolled_up)),
            "From calls": formats.plain(str(difference.from_calls)),
        }
        for difference in found.differences
    ]
    page_table(pd.DataFrame(rows))
    table_behind("drift", pd.DataFrame([vars(difference) for difference in found.differences]).astype(str))
    st.button(
        "Rebuild this day",
        on_click=_repair,
        args=(found,),
        icon=":material/build:",
        key="repair",
        disabled=not visitor.may(Permission.RECOMPUTE),
    )


def _repair(found: Drift) -> None:
    try:
        visitor.require(Permission.RECOMPUTE)
    except UserError as error:
        st.toast(formats.plain(str(error)), icon=":material/error:")
        return
    again = system_queries.roll_up_again(found.day)
    boards.forget()
    st.session_state["drift"] = again


def storage(found: list[CollectionSize], health: SystemHealth, zone: tzinfo) -> None:
    """Show the size of the database, and its retention."""
    total = sum(collection.bytes for collection in found)
    kept = f"calls and turns are archived after {health.raw_retention_days} days"
    oldest = health.oldest_call.astimezone(zone).date() if health.oldest_call else None
    since = f"oldest call from {formats.day(oldest)}" if oldest else "no calls"
    table = pd.DataFrame(
        {
            "Collection": [collection.name for collection in found],
            "Documents": [collection.documents for collection in found],
            "Bytes": [collection.bytes for collection in found],
        }
    )
    show(
        Panel(
            "storage",
            "Database size and retention",
            f"{formats.size(total)} including indexes · {since} · {kept}",
            table=table,
            page=pd.DataFrame(
                {
                    "Collection": table["Collection"].map(formats.plain),
                    "Documents": table["Documents"].map("{:,}".format),
                    "Size": table["Bytes"].map(formats.size),
                }
            ),
        )
    )
