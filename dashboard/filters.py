"""The period and filters shared by all pages, kept in the URL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import streamlit as st

from core.aggregation.rollups.buckets import SECONDS, Bucket, bucket_for, bucket_start
from core.aggregation.rollups.call_frames import CallFilters
from core.clock import FIRST_YEAR, LAST_YEAR, is_twice, local_today, rolling, round_up, to_utc, wall
from core.errors import UserError
from core.models.calls import languages as language_names
from core.models.metrics import CallStatus, Direction
from dashboard import formats, theme

CUSTOM = "custom"
DEFAULT_PERIOD = "24h"
EARLIEST = datetime(FIRST_YEAR, 1, 1)  # noqa: DTZ001 (local time, as entered)
LATEST = datetime(LAST_YEAR + 1, 1, 1)  # noqa: DTZ001 (as EARLIEST)
"""The latest end of a period: calls of all years that are accepted can be shown."""
NEW_CUSTOM_DAYS = 7
FILTERS = tuple(field.name for field in fields_of(CallFilters))
AGAIN = "again"
"""URL parameter: which of ``from`` and ``to`` are in the second of two hours that clocks show alike."""
GLOBAL = ("period", "from", "to", AGAIN, *FILTERS, "compare")
"""URL parameters of every page."""
LANGUAGES = ("language", "of_language")
"""URL parameters that name a language: of all pages, and of a list of calls alone."""
_UNREADABLE = "unreadable-times"
SWITCH = "more-filters"
"""Key of the switch that shows unset filters."""
WEEKDAYS, BEFORE = "vs same weekdays", "vs period before"
COMPARISONS = (WEEKDAYS, BEFORE)
"""Compare with the fewest whole weeks earlier that fit, or with the period just before."""


@dataclass(frozen=True)
class Preset:
    """A period that ends now and moves every ``step`` seconds."""

    words: str
    length: timedelta
    step: int


PRESETS = {
    "15m": Preset("15 minutes", timedelta(minutes=15), 5),
    "1h": Preset("hour", timedelta(hours=1), 5),
    "24h": Preset("24 hours", timedelta(hours=24), 60),
    "7d": Preset("7 days", timedelta(days=7), 60),
    "30d": Preset("30 days", timedelta(days=30), 60),
    "90d": Preset("90 days", timedelta(days=90), 60),
}
_DAY_LENGTH = len("2026-11-25")
_LABELS: dict[str, dict[str, str]] = {
    "direction": {str(value): value.title() for value in Direction},
    "status": {str(value): value.replace("_", " ").capitalize() for value in CallStatus},
}


@dataclass(frozen=True)
class Window:
    """A half-open UTC period, the earlier period to compare it with, and the bucket of its charts."""

    start: datetime
    end: datetime
    before: datetime
    before_end: datetime
    bucket: Bucket


@dataclass(frozen=True)
class Selection:
    """The reader's choices; ``start`` and ``end`` (exclusive) are local times of a custom period."""

    period: str
    start: datetime
    end: datetime
    filters: CallFilters
    compare: str = WEEKDAYS
    folds: tuple[int, int] = field(init=False)
    """Of ``start`` and ``end``: times that differ in nothing else are equal for Python."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folds", (self.start.fold, self.end.fold))

    @property
    def words(self) -> str:
        """Return the period in words: ``in the last 24 hours``, ``from 1 Jan 1999 to 31 Jan 1999``."""
        if self.period != CUSTOM:
            return f"in the last {PRESETS[self.period].words}"
        first, last = self.start, self.end
        if first.time() == last.time() == time.min:
            last -= timedelta(days=1)
            if first.date() == last.date():
                return f"on {formats.day(first)}"
            return f"from {formats.day(first)} to {formats.day(last)}"
        if first.date() == last.date():
            return f"on {formats.day(first)} from {formats.hour(first)} to {formats.hour(last)}"
        return f"from {formats.day(first)} {formats.hour(first)} to {formats.day(last)} {formats.hour(last)}"

    def window(self, now: datetime, zone: tzinfo, every: int = 0) -> Window:
        """Return the period as of ``now``; it moves every ``every`` seconds, or the preset's longer step."""
        if self.period == CUSTOM:
            start, end = (moment.replace(tzinfo=zone).astimezone(UTC) for moment in (self.start, self.end))
            elapsed = max(min(end, round_up(now, 60)) - start, timedelta(0)) or end - start
            return Window(start, end, *self._before(start, elapsed, zone), bucket_for(start, end))
        preset = PRESETS[self.period]
        start, end = rolling(preset.length, now, max(every, preset.step))
        bucket = bucket_for(start, end)
        if bucket not in SECONDS:
            # The first day, week or month is whole, because part of one looks like a slump.
            start = bucket_start(start, bucket, zone).astimezone(UTC)
        # By the preset's length: the rest of its first day must not make it two weeks.
        return Window(start, end, *self._before(start, end - start, zone, preset.length), bucket)

    def _before(
        self, start: datetime, length: timedelta, zone: tzinfo, fitting: timedelta | None = None
    ) -> tuple[datetime, datetime]:
        if self.compare == BEFORE:
            return start - length, start
        weeks = timedelta(weeks=-(-(fitting or length) // timedelta(weeks=1)))
        # In local time, so that it holds across clock changes.
        first, last = (
            (moment.astimezone(zone) - weeks).astimezone(UTC) for moment in (start, start + length)
        )
        return first, last

    @property
    def compared_words(self) -> str:
        """Return in words what the period is compared with."""
        return "the previous period" if self.compare == BEFORE else "the same weekdays before"


def label(name: str, value: str) -> str:
    """Return the label of a filter value or of a code that calls carry."""
    if name in {"campaign", "period"}:
        return value
    return _LABELS.get(name, {}).get(value) or formats.words(value)


def _accept_plain_values(known: dict[str, list[str]]) -> None:
    """Accept stored values, days and times with a zone in URLs, though widgets bind their labels."""
    _fold_languages(known["language"])
    values = {name: list(labels) for name, labels in _LABELS.items()} | known | {"period": [*PRESETS, CUSTOM]}
    plain = {name: st.query_params[name] for name in values if name in st.query_params}
    changed = {name: label(name, value) for name, value in plain.items() if value in values[name]}
    _say_unknown({name: value for name, value in plain.items() if value not in values[name]}, values)
    for name in ("from", "to"):
        given = st.query_params.get(name)
        moment = _moment(given, is_end=name == "to") if given else None
        if moment and _as_text(moment) != given:
            changed[name] = _as_text(moment)
            _set_again({name: moment})
    changed = {name: value for name, value in changed.items() if value != st.query_params.get(name)}
    if changed:
        st.query_params.update(changed)
        st.rerun()
    if st.query_params.get("compare", WEEKDAYS) not in COMPARISONS:
        del st.query_params["compare"]  # a page that compares nothing has no box that would drop it


def _fold_languages(known: Sequence[str]) -> None:
    """Accept codes and other spellings of languages in URLs, as calls and the API do."""
    for key in LANGUAGES:
        value = st.query_params.get(key, "")
        meant = meant_language(value, known)
        bound = key == "language" and value == label("language", meant)
        if value != meant and not bound:
            st.query_params[key] = meant


def meant_language(value: str, known: Sequence[str]) -> str:
    """Return which of the known languages a code or spelling means; itself if it is one, or means none."""
    folded = language_names.fold(value)
    # Another tool may have stored a spelling as it is.
    return folded if value not in known and folded in known else value


def _say_unknown(given: Mapping[str, str], values: Mapping[str, list[str]]) -> None:
    """Say which URL values are unknown and ignored, because Streamlit drops them silently."""
    for name, value in given.items():
        if values[name] and value not in {label(name, known) for known in values[name]}:
            words = "outcome" if name == "status" else name
            instead = f"the last {PRESETS[DEFAULT_PERIOD].words}" if name == "period" else "all"
            st.toast(
                f"No {words} {formats.plain(value)}: showing {instead}",
                icon=":material/info:",
                duration="long",
            )


def _moment(text: str | None, *, is_end: bool) -> datetime | None:
    """Return the local time of a day or time; a day that ends a period means the midnight after it."""
    try:
        moment = datetime.fromisoformat(text or "")
        if moment.tzinfo:
            moment = wall(to_utc(moment))
        if is_end and len(text or "") <= _DAY_LENGTH:
            moment += timedelta(days=1)
    except (ValueError, OverflowError, UserError):
        return None
    return moment.replace(second=0, microsecond=0) if EARLIEST <= moment <= LATEST else None


def moment_of(text: str | None) -> datetime | None:
    """Return the local time in a URL; None if there is none."""
    return _moment(text, is_end=False)


def _as_text(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def _again() -> set[str]:
    """Return which of ``from`` and ``to`` are in the second of two equal hours."""
    return set(st.session_state.setdefault(AGAIN, st.query_params.get(AGAIN, "")).split(","))


def _set_again(times: Mapping[str, datetime]) -> None:
    """Remember that of these times, which the widgets and the URL hold without an offset."""
    later = (_again() - set(times)) | {name for name, moment in times.items() if moment.fold}
    st.session_state[AGAIN] = ",".join(sorted(later - {""}))


def _show_again() -> None:
    """Keep it in the URL of each page."""
    if (later := _again() - {""}) and st.session_state["period"] == CUSTOM:
        st.query_params[AGAIN] = ",".join(sorted(later))
    else:
        st.query_params.pop(AGAIN, None)


def _chosen_time(name: str, otherwise: datetime) -> datetime:
    """Return the local time of a widget, in the second of two equal hours where that was asked for."""
    moment: datetime = st.session_state.get(name) or otherwise
    return moment.replace(fold=1) if name in _again() and is_twice(moment) else moment


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
        width=132,
    )


def _fresh_times() -> dict[str, datetime]:
    first, last = day_span(local_today() - timedelta(days=NEW_CUSTOM_DAYS - 1), local_today())
    return {"from": first, "to": last}


def _complete_link() -> None:
    """Add missing times to the URL of a custom period, so that it shows the same period tomorrow."""
    link = st.query_params
    if link.get("period") != CUSTOM or "from" in st.session_state:
        return
    missing = {
        key: _as_text(moment)
        for key, moment in _fresh_times().items()
        if not _moment(link.get(key), is_end=False)
    }
    if missing:
        st.session_state[_UNREADABLE] = {key: link[key] for key in missing if link.get(key)}
        link.update(missing)
        st.rerun()


def _say_unreadable() -> None:
    """Say which times of the link could not be read, and what is shown instead: in the run that shows it."""
    for name, text in st.session_state.pop(_UNREADABLE, {}).items():
        if shown := _moment(st.query_params.get(name), is_end=False):
            shown -= timedelta(days=name == "to")  # which is the midnight after the last day
            st.toast(
                f"Cannot read the time {formats.plain(text)}: showing {name} {formats.day(shown)}",
                icon=":material/info:",
                duration="long",
            )


def _period_changed() -> None:
    """Keep the times of a custom period in the URL only while one is chosen."""
    fresh = {"from": EARLIEST, "to": EARLIEST}
    times = _fresh_times() if st.session_state["period"] == CUSTOM else fresh
    st.session_state.update({**times, AGAIN: ""})


def day_span(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the local times at which these whole days begin and end."""
    return datetime.combine(first, time.min), datetime.combine(last + timedelta(days=1), time.min)


def _time_input(text: str, key: str) -> None:
    st.datetime_input(
        text,
        value=EARLIEST,  # only a value that differs from this is put into the URL
        label_visibility="collapsed",
        min_value=EARLIEST,
        max_value=LATEST,
        format="DD/MM/YYYY",
        step=timedelta(minutes=5),
        required=True,
        key=key,
        bind="query-params",
        width=190,
    )


def bar(languages: list[str], campaigns: list[str], *, comparing: bool) -> None:
    """Draw the filters, with the compared period if ``comparing``; called before the page's script."""
    st.session_state.pop("filters_changed", None)
    _accept_plain_values({"language": languages, "campaign": campaigns})
    _complete_link()
    _say_unreadable()
    with st.container(key="filters", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Period",
            [*PRESETS, CUSTOM],
            default=DEFAULT_PERIOD,
            required=True,
            key="period",
            bind="query-params",
            label_visibility="collapsed",
            on_change=_period_changed,
        )
        # Always present, if hidden: only widgets that exist in the browser are kept in the URL.
        shown = st.session_state["period"] == CUSTOM
        with st.container(
            key=f"times-{'shown' if shown else 'unseen'}", horizontal=True, gap="xsmall", width="content"
        ):
            _time_input("From", "from")
            _time_input("To", "to")
        st.toggle("Filters", key=SWITCH, help="Show all filters, not only those that are set")
        _choice("direction", list(_LABELS["direction"]), "All directions")
        _choice("language", languages, "All languages")
        if campaigns:
            _choice("campaign", campaigns, "All campaigns")
        _choice("status", list(_LABELS["status"]), "All outcomes")
        if comparing:
            _compare_choice()
    _show_again()
    chosen = selected()
    unset = [name for name in FILTERS if getattr(chosen.filters, name) is None]
    fold([*unset, *(["compare"] if chosen.compare == WEEKDAYS else [])])


def fold(keys: Sequence[str]) -> None:
    """Hide these widgets, which choose nothing, unless the reader has switched all filters on."""
    theme.hide(() if st.session_state.get(SWITCH) else keys)


def _compare_choice() -> None:
    st.selectbox(
        "Compare with",
        COMPARISONS,
        key="compare",
        bind="query-params",
        label_visibility="collapsed",
        width=164,
    )


def selected() -> Selection:
    """Return the current choices; times in the wrong order are swapped."""
    state: Any = st.session_state
    period = state.get("period") or DEFAULT_PERIOD
    chosen = CallFilters(**{name: state.get(name) for name in FILTERS})
    start = end = EARLIEST
    if period == CUSTOM:
        today = day_span(local_today(), local_today())
        times = _chosen_time("from", today[0]), _chosen_time("to", today[1])
        start, end = sorted(times, key=to_utc)
        if to_utc(end) - to_utc(start) < (least := timedelta(minutes=1)):
            end = (start + least).replace(fold=start.fold)
    return Selection(period, start, end, chosen, state.get("compare") or WEEKDAYS)


def show_days(first: date, last: date) -> None:
    """Callback: show these days."""
    show_period(*day_span(first, last))


def show_period(start: datetime, end: datetime) -> None:
    """Callback: show the local times from start to end."""
    change({"period": CUSTOM, "from": start, "to": end})
    _set_again({"from": start, "to": end})


def clear_filters() -> None:
    """Callback: show all calls of the period."""
    change(dict.fromkeys(FILTERS))


def change(values: Mapping[str, Any]) -> None:
    """Callback: set these filters and rerun the whole page."""
    for name, value in values.items():
        st.session_state[name] = value
    st.session_state["filters_changed"] = True


def whole_page_follows() -> None:
    """Rerun the whole page if a button in a fragment changed the filters."""
    if st.session_state.pop("filters_changed", False):
        st.rerun()
