"""The period and the filters that hold on every page, kept in the URL."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import streamlit as st

from core.aggregation.buckets import Bucket, bucket_for, bucket_start
from core.aggregation.calls import CallFilters
from core.clock import day_bounds, local_today
from core.models.metrics import CallStatus, Direction
from dashboard import formats

CUSTOM = "custom"
DEFAULT_PERIOD = "24h"
EARLIEST = date(1970, 1, 1)
NEW_CUSTOM_DAYS = 7
WEEKDAYS, BEFORE = "vs same weekdays", "vs period before"
COMPARISONS = (WEEKDAYS, BEFORE)
"""Whole weeks earlier, as few as fit; or the equally long period that ends where this one begins."""


@dataclass(frozen=True)
class Preset:
    """A period that ends now; its figures move on every ``step`` seconds."""

    words: str
    length: timedelta
    step: int


PRESETS = {
    "15m": Preset("15 minutes", timedelta(minutes=15), 5),
    "1h": Preset("hour", timedelta(hours=1), 5),
    "24h": Preset("24 hours", timedelta(hours=24), 5),
    "7d": Preset("7 days", timedelta(days=7), 15),
    "30d": Preset("30 days", timedelta(days=30), 60),
    "90d": Preset("90 days", timedelta(days=90), 60),
}
_LABELS: dict[str, dict[str, str]] = {
    "direction": {str(value): value.title() for value in Direction},
    "status": {str(value): value.replace("_", " ").capitalize() for value in CallStatus},
}


@dataclass(frozen=True)
class Window:
    """A period to look at, half open, in UTC, an earlier one to compare it with, and the bucket of charts."""

    start: datetime
    end: datetime
    before: datetime
    before_end: datetime
    bucket: Bucket


@dataclass(frozen=True)
class Selection:
    """What the reader chose."""

    period: str
    first: date
    last: date
    filters: CallFilters
    compare: str = WEEKDAYS

    @property
    def words(self) -> str:
        """The period in a sentence: ``in the last 24 hours``, ``from 1 Jan 1999 to 31 Jan 1999``."""
        if self.period != CUSTOM:
            return f"in the last {PRESETS[self.period].words}"
        if self.first == self.last:
            return f"on {formats.day(self.first)}"
        return f"from {formats.day(self.first)} to {formats.day(self.last)}"

    def window(self, now: datetime, zone: tzinfo, every: int = 0) -> Window:
        """The period as of ``now``; it moves on every ``every`` seconds or the preset's step if longer."""
        if self.period == CUSTOM:
            start, _ = day_bounds(self.first, zone)
            _, end = day_bounds(self.last, zone)
            elapsed = max(min(end, _round_up(now, 60)) - start, timedelta(0)) or end - start
            return Window(start, end, *self._before(start, elapsed, zone), bucket_for(start, end))
        preset = PRESETS[self.period]
        end = _round_up(now, max(every, preset.step))
        bucket = bucket_for(end - preset.length, end)
        # From a whole bucket on: the first bar of a chart is complete and charts and figures agree.
        start = bucket_start(end - preset.length, bucket, zone).astimezone(UTC)
        return Window(start, end, *self._before(start, end - start, zone), bucket)

    def _before(self, start: datetime, length: timedelta, zone: tzinfo) -> tuple[datetime, datetime]:
        if self.compare == BEFORE:
            return start - length, start
        weeks = timedelta(weeks=-(-length // timedelta(weeks=1)))
        # By the clock on the wall, also where summer time began in between.
        first, last = (
            (moment.astimezone(zone) - weeks).astimezone(UTC) for moment in (start, start + length)
        )
        return first, last

    @property
    def compared_words(self) -> str:
        """What a change is against."""
        return "the period before" if self.compare == BEFORE else "the same weekdays before"


def _round_up(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(-(-moment.timestamp() // seconds) * seconds, UTC)


def label(name: str, value: str) -> str:
    """A value of direction, status or language as people read it."""
    return _LABELS.get(name, {}).get(value) or value.replace("_", " ").capitalize()


def _accept_plain_values(languages: list[str]) -> None:
    """Let links carry stored values (``status=no_answer``): the URL of a filter holds its label."""
    values = {name: list(labels) for name, labels in _LABELS.items()} | {"language": languages}
    plain = {name: st.query_params[name] for name in values if name in st.query_params}
    changed = {name: label(name, value) for name, value in plain.items() if value in values[name]}
    if changed:
        st.query_params.update(changed)
        st.rerun()


def _choice(name: str, values: list[str], everything: str) -> None:
    st.selectbox(
        name.capitalize(),
        values,
        index=None,
        format_func=lambda value: label(name, value),
        placeholder=everything,
        key=name,
        bind="query-params",
        label_visibility="collapsed",
        width=150,
    )


def _is_day(text: str | None) -> bool:
    try:
        return date.fromisoformat(text or "") >= EARLIEST
    except ValueError:
        return False


def _seed_days() -> None:
    """Write the days of a fresh custom period into the URL, so that a link shows the same ones tomorrow."""
    today = local_today()
    wanted = {"from": today - timedelta(days=NEW_CUSTOM_DAYS - 1), "to": today}
    missing = {
        key: day.isoformat()
        for key, day in wanted.items()
        if key not in st.session_state and not _is_day(st.query_params.get(key))
    }
    if missing:
        st.query_params.update(missing)
        st.rerun()


def _day_input(text: str, key: str) -> None:
    st.date_input(
        text,
        value=EARLIEST,  # a value that differs from it stands in the URL
        label_visibility="collapsed",
        min_value=EARLIEST,
        max_value=local_today() + timedelta(days=366),
        format="DD/MM/YYYY",
        required=True,
        key=key,
        bind="query-params",
        width=130,
    )


def bar(languages: list[str]) -> None:
    """Draw the filters; every page's script comes after it."""
    st.session_state.pop("filters_changed", None)
    _accept_plain_values(languages)
    with st.container(key="filters", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Period",
            [*PRESETS, CUSTOM],
            default=DEFAULT_PERIOD,
            required=True,
            key="period",
            bind="query-params",
            label_visibility="collapsed",
        )
        if st.session_state["period"] == CUSTOM:
            _seed_days()
            _day_input("From", "from")
            _day_input("To", "to")
        _choice("direction", list(_LABELS["direction"]), "All directions")
        _choice("language", languages, "All languages")
        _choice("status", list(_LABELS["status"]), "All outcomes")
        st.selectbox(
            "Compare with",
            COMPARISONS,
            key="compare",
            bind="query-params",
            label_visibility="collapsed",
            width=190,
        )


def selected() -> Selection:
    """What the filters say now; days given the wrong way round are swapped."""
    state: Any = st.session_state
    period = state.get("period") or DEFAULT_PERIOD
    today = local_today()
    first, last = sorted((state.get("from") or today, state.get("to") or today))
    chosen = CallFilters(state.get("direction"), state.get("language"), state.get("status"))
    if period != CUSTOM:
        first = last = EARLIEST
    return Selection(period, first, last, chosen, state.get("compare") or WEEKDAYS)


def show_days(first: date, last: date) -> None:
    """A button's action: look at these days."""
    if st.session_state.get("period") == CUSTOM:
        _change({"from": first, "to": last})
    else:
        # The two days have no widgets yet, which will take their values from the URL.
        st.query_params.update({"from": first.isoformat(), "to": last.isoformat()})
        _change({"period": CUSTOM})


def clear_filters() -> None:
    """A button's action: all calls of the period."""
    _change({"direction": None, "language": None, "status": None})


def _change(values: dict[str, Any]) -> None:
    st.session_state.update(values)
    st.session_state["filters_changed"] = True


def whole_page_follows() -> None:
    """Run the whole script if a button changed the filters: by itself it reruns only its part of the page."""
    if st.session_state.pop("filters_changed", False):
        st.rerun()
