"""How a value went before a message: the windows before it, from the calls that began in them."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.aggregation.rollups.refresh import refresh_rollups
from core.alerting.evaluation.trend import WINDOWS, trend
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.notify.test_reminders import rule
from tests.alerting.state.test_alert_store import NOON, Recorder, check
from tests.storage.recording.test_recorder import call

QUARTER = timedelta(minutes=15)


def fill(database: Database[Document], shares: list[int], **fields: object) -> None:
    """In each quarter of an hour up to NOON ten calls, so many of which fail."""
    for number, failed in enumerate(reversed(shares)):
        begun = NOON - (number + 1) * QUARTER + timedelta(minutes=1)
        write_calls(
            database,
            [
                call(
                    f"{number}-{one}-{fields}",
                    start_time=begun,
                    duration_seconds=30,
                    status="failed" if one < failed else "completed",
                    **fields,
                )
                for one in range(10)
            ],
        )


@pytest.mark.parametrize("rolled_up", [False, True])
def test_the_windows_before_the_one_of_the_message_are_shown(
    database: Database[Document], rolled_up: bool
) -> None:
    """From roll-ups and from calls alike; where there were too few calls there is a gap."""
    fill(database, [1, 2, 3, 9])
    if rolled_up:
        refresh_rollups(database)
    found = trend(database, rule("A"), {}, NOON + timedelta(minutes=7))
    assert found is not None
    assert found.values == [None] * (WINDOWS - 3) + [10.0, 20.0, 30.0]
    assert (found.minutes, found.until) == (15, NOON - QUARTER)


def test_each_instance_has_its_own(database: Database[Document]) -> None:
    """By the labels of its alert."""
    fill(database, [1, 0], language="hindi")
    fill(database, [5, 0], language="english")
    by_language = rule("A", group_by=["language"])
    found = trend(database, by_language, {"language": "english"}, NOON)
    assert found is not None
    assert found.values[-1] == 50


@pytest.mark.parametrize(
    "changes",
    [
        {"window": "10m"},
        {"window": "3d"},
        {"metric": "minutes_without_calls", "levels": {"warning": 5}},
        {"metric": "service_error_rate"},
    ],
)
def test_what_roll_ups_cannot_tell_has_none(database: Database[Document], changes: dict[str, object]) -> None:
    """Such messages go without."""
    assert trend(database, rule("A", **changes), {}, NOON) is None


@pytest.mark.parametrize(
    "place", ["core.alerting.evaluation.trend.load_past", "core.alerting.channels.chart._draw"]
)
def test_a_chart_that_fails_keeps_no_message_back(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Neither the reading of its values nor the drawing."""

    def broken(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(place, broken)
    fill(database, [1, 9])
    email = Recorder("email")
    check(NOON, email, rules=(rule("A"),))
    assert email.words == ["WARNING"]


def test_a_message_says_the_value_before(database: Database[Document]) -> None:
    """So that its reader knows whether it jumped or crept."""
    fill(database, [1, 2, 9])
    texts: list[str] = []

    class Reader(Recorder):
        async def send(self, recipient: object, message: object) -> None:  # noqa: ARG002 (as Channel has it)
            texts.append(str(getattr(message, "text", "")))
            await asyncio.sleep(0)

    check(NOON, Reader("email"), rules=(rule("A"),))
    assert "Before     20 % in the 15 min before" in texts[0]
