"""The links behind a chart lead where clicks on it do."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from core.aggregation import tables
from core.aggregation.cube import Cube
from core.aggregation.rollups.call_frames import CALL_SCHEMA, CallFilters
from core.aggregation.rollups.rollup import cells_of
from core.models.metrics import CallSummary, SentimentCounts
from dashboard import drilldown
from dashboard.charts.time_series import WEEKDAYS
from dashboard.filters import Selection, Window
from dashboard.panels import service_requests, volume
from dashboard.panels.point_links import MOST_PLACES
from dashboard.panels.view import View
from dashboard.theme import palette_of

START = datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=3), START, START, "1h")
VIEW = View(WINDOW, Selection("24h", START, START, CallFilters()), palette_of("light"), is_filling=False)
LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')


def _links(text: str) -> list[tuple[str, dict[str, str]]]:
    """The words of each link and what it asks the list of calls for."""
    return [
        (
            unescape(words),
            {name: value for name, (value,) in parse_qs(urlsplit(unescape(href)).query).items()},
        )
        for href, words in LINK.findall(text)
    ]


def test_calls_without_an_end_reason_are_not_said_to_have_one() -> None:
    """Of some only the fault is known; their bar leads to them, not to all calls of that fault."""
    frame = pd.DataFrame(
        [("", "provider", 6), ("busy", "customer", 3), ("provider_error", "provider", 1)],
        columns=["end_reason", "fault", "n"],
    )
    summary = CallSummary(total_calls=20, sentiment=SentimentCounts())
    panel = service_requests.ends(VIEW, frame, summary)
    assert (
        panel.caption
        == "Most often Busy \N{MIDDLE DOT} customer \N{MIDDLE DOT} end reason known for 4 of 20 calls"
    )
    assert dict(_links(panel.links()))["30.0 % \N{MIDDLE DOT} 6"] == {
        "without": "end_reason",
        "fault": "provider",
    }
    panel = service_requests.ends(VIEW, frame.iloc[:1], summary)
    assert panel.caption == "End reason known for 0 of 20 calls"


def test_errors_are_not_said_to_be_calls() -> None:
    """A call may have several of a type: five errors in one of two calls are not 250 % of calls."""
    frame = pd.DataFrame([("asr_timeout", "", 5)], columns=["type", "fault", "n"])
    summary = CallSummary(total_calls=2, error_calls=1, error_rate=0.5, sentiment=SentimentCounts())
    panel = service_requests.errors(VIEW, frame, summary)
    assert panel.table is not None
    assert panel.table[["Errors", "Errors per 100 calls"]].to_numpy().tolist() == [[5, 250]]
    assert [words for words, _ in _links(panel.links())] == ["250.0 per 100 calls \N{MIDDLE DOT} 5"]


def _by_language(hours: int = 3, names: tuple[str, ...] = ("hindi", "english")) -> pd.DataFrame:
    index = pd.date_range("2026-11-24", periods=hours, freq="h", tz="UTC")
    return pd.DataFrame({name: range(number, hours + number) for number, name in enumerate(names)}, index)


def test_each_part_of_a_bar_is_a_link_the_newest_first() -> None:
    """Its hour and language; a part without calls is none."""
    found = _links(volume.volume(VIEW, "language", _by_language()).links())
    assert [words for words, _ in found] == ["Hindi 2", "English 3", "Hindi 1", "English 2", "English 1"]
    asked = {"since": "2026-11-24T02:00", "until": "2026-11-24T03:00", "of_language": "hindi"}
    assert {name: found[0][1][name] for name in asked} == asked


def test_the_hour_from_midnight_is_not_called_a_day() -> None:
    """It would read as all calls of that day; where each point is a day, no hour is told."""
    frame = _by_language(hours=26, names=("hindi",))
    hours = unescape(volume.volume(VIEW, "language", frame).links())
    places = re.findall(r"<li><span>([^<]*)</span>", hours)
    assert places[1] == "Wed 25 Nov 2026 00:00"
    assert all(":" in place for place in places)
    days = volume.volume(VIEW, "language", frame.iloc[[0, 24]] + 1).links()
    assert re.findall(r"<li><span>([^<]*)</span>", days) == ["Wed 25 Nov 2026", "Tue 24 Nov 2026"]


def test_a_campaign_that_is_called_others_loses_no_calls() -> None:
    """With few campaigns it is one of them; with many it counts among the others."""
    names = ("others", "a", "b", "c", "d", "e", "f")
    few, many = (volume.volume(VIEW, "campaign", _by_language(names=some)) for some in (names[:3], names))
    for panel, some in ((few, names[:3]), (many, names)):
        assert panel.caption.endswith(f"n {_by_language(names=some).to_numpy().sum():,}")
    assert dict(_links(few.links()))["others 2"]["of_campaign"] == "others"
    assert "of_campaign" not in dict(_links(many.links()))["others 10"]


def test_foreign_names_are_shown_as_they_are() -> None:
    """A language or campaign of somebody else's making is text, in the list as in the chart."""
    text = volume.volume(VIEW, "language", _by_language(names=("<b>x</b>",))).links()
    assert "<b>" not in text
    assert _links(text)[0][0].startswith("<b>x</b>")


def test_a_cell_of_the_week_and_a_row_are_links_too() -> None:
    """Weekday and hour, or the language of a bar."""
    week = pd.DataFrame(0, index=range(7), columns=range(24))
    week.loc[2, 9] = 5
    summary = CallSummary.model_construct(
        total_calls=5, languages={"hindi": 4, "english": 1}, sentiment=SentimentCounts()
    )
    ((words, asked),) = _links(volume.hours(VIEW, week, summary, "UTC").links())
    assert (words, asked["weekday"], asked["hour"]) == ("5 calls", "2", "9")
    assert f"{WEEKDAYS[2]} 09:00" in volume.hours(VIEW, week, summary, "UTC").links()
    rows = dict(_links(volume.languages(VIEW, summary).links()))
    assert rows["80.0 % · 4"] == {"of_language": "hindi"}


def test_a_long_period_says_that_older_points_are_left_to_the_chart() -> None:
    """A list of thousands is no way through a page."""
    text = volume.volume(VIEW, "language", _by_language(MOST_PLACES + 7)).links()
    assert text.count("<li>") == MOST_PLACES + 1
    assert "and 7 more" in text


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 30.0]) | st.floats(0, 604_800), min_size=1))
def test_a_bar_counts_the_calls_that_a_click_on_it_lists(durations: list[float]) -> None:
    """Calls of exactly a second as well, as many carriers report."""
    usual = {"start_time": START, "status": "completed", "direction": "outbound", "language": "hindi"}
    rows = [usual | {"_id": str(number), "duration_seconds": one} for number, one in enumerate(durations)]
    calls = pa.Table.from_pylist(rows, schema=pa.schema(CALL_SCHEMA.items()))
    bins = tables.histogram(
        Cube(START, START + timedelta(hours=1), UTC, "1D", cells_of(calls)), "duration_seconds"
    )
    listed = []
    for at in range(len(bins)):
        target = drilldown.bins(bins, "duration_seconds")({"point_index": at})
        assert target is not None
        low, high = float(target.facets["low"]), float(target.facets.get("high", "inf"))
        listed.append(sum(low <= one < high for one in durations))
    assert bins["n"].tolist() == listed
