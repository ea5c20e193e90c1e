"""What people do about alerts: acknowledge, close, silence, and what the Alerts page then lists."""

from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.actions import acknowledge, close, end_silence, silence
from core.alerting.board import alert_board, history, silence_lines
from core.alerting.state.alert_store import active_alerts
from core.errors import UserError
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

HOUR = timedelta(hours=1)


def failing(database: Database[Document], *hours: float) -> None:
    """Bad calls just before these hours after noon."""
    for at in hours:
        record(database, NOON + at * HOUR, total=50, failed=12)


def test_an_acknowledged_alert_is_not_repeated_but_its_end_is_told(database: Database[Document]) -> None:
    """No reminder after four hours; who acknowledged it stands in the history."""
    email = Recorder()
    failing(database, 0, 3.9, 4.1, 4.2)
    check(NOON, email)
    (alert,) = active_alerts(database)
    held = acknowledge(database, alert.id, "asha", "looking", now=NOON + 0.3 * HOUR)
    assert held.acknowledged
    for hours in (3.9, 4.1, 4.2):
        check(NOON + hours * HOUR, email)
    assert email.words == ["CRITICAL", "ACKNOWLEDGED by asha"]
    record(database, NOON + 4.7 * HOUR, total=50, failed=0)
    check(NOON + 4.7 * HOUR, email)
    assert email.words == ["CRITICAL", "ACKNOWLEDGED by asha", "RESOLVED"]
    lines = history(database, NOON, NOON + 5 * HOUR, alert_id=alert.id)
    events = ["firing", "sent", "acknowledged", "sent", "resolved", "sent"]
    assert [line.event for line in reversed(lines)] == events
    assert next(line.author for line in lines if line.event == "acknowledged") == "asha"
    assert [line.channel for line in lines if line.event == "sent"] == ["email"] * 3


def test_an_acknowledgement_ends_after_four_hours(database: Database[Document]) -> None:
    """Whoever took it may have fallen asleep."""
    email = Recorder()
    failing(database, 0, 4.1, 4.4)
    check(NOON, email)
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + 0.3 * HOUR)
    check(NOON + 4.1 * HOUR, email)
    check(NOON + 4.4 * HOUR, email)
    assert email.words == ["CRITICAL", "ACKNOWLEDGED by asha", "Still CRITICAL"]


def test_a_silence_mutes_ends_on_the_stroke_and_what_still_fires_is_told_then(
    database: Database[Document],
) -> None:
    """A window of maintenance swallows nothing that outlasts it."""
    email = Recorder()
    made = silence(database, {"rule": ["call_*"]}, NOON, NOON + HOUR, "asha", "release")
    failing(database, 0, 0.5, 1)
    for hours in (0, 0.5):
        check(NOON + hours * HOUR, email)
    assert email.titles == []
    (muted,) = alert_board(database, NOON + 0.5 * HOUR).silenced
    assert muted.silenced_by == [made.id]
    check(NOON + HOUR, email)
    assert len(email.titles) == 1
    (line,) = silence_lines(database, NOON + HOUR)
    assert (line.standing, line.silence.author, line.silence.comment) == ("over", "asha", "release")
    board = alert_board(database, NOON + HOUR)
    assert [len(board.active), len(board.silenced)] == [1, 0]


def test_the_end_of_an_alert_is_told_through_a_silence(database: Database[Document]) -> None:
    """An incident that was opened at a pager is closed there."""
    email = Recorder()
    failing(database, 0)
    check(NOON, email)
    silence(database, {"severity": ["critical"]}, NOON, NOON + 2 * HOUR, "asha", "known")
    record(database, NOON + HOUR, total=50, failed=0)
    check(NOON + HOUR, email)
    assert email.words == ["CRITICAL", "RESOLVED"]
    (over,) = alert_board(database, NOON + HOUR).resolved
    assert over.resolved_at == NOON + HOUR


def test_a_silence_that_is_ended_early_mutes_no_longer(database: Database[Document]) -> None:
    """Ending it twice says so."""
    email = Recorder()
    made = silence(database, {"rule": ["call_failure_rate"]}, NOON, NOON + 9 * HOUR, "asha", "release")
    failing(database, 0, 1)
    check(NOON, email)
    end_silence(database, made.id, now=NOON + 0.5 * HOUR)
    check(NOON + HOUR, email)
    assert len(email.titles) == 1
    with pytest.raises(UserError, match="no such silence"):
        end_silence(database, made.id, now=NOON + HOUR)


def test_an_alert_whose_calls_no_longer_come_can_be_closed(database: Database[Document]) -> None:
    """Its end is told; closing what is over says so."""
    email = Recorder()
    failing(database, 0)
    check(NOON, email)
    (alert,) = active_alerts(database)
    close(database, alert.id, "asha", now=NOON + HOUR)
    check(NOON + HOUR, email)
    assert email.words == ["CRITICAL", "RESOLVED"]
    with pytest.raises(UserError, match="no such firing alert"):
        close(database, alert.id, "asha")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"matchers": {}}, "matchers: "),
        ({"matchers": {"mood": ["bad"]}}, "'mood' is not a label; use rule, severity"),
        ({"end": NOON}, "end: must be after start"),
        ({"end": None}, "a silence that does not recur needs one"),
        ({"comment": " "}, "comment: "),
        ({"matchers": {"campaign": ["*"]}}, "campaign \\*: would silence alerts without these labels too"),
        ({"matchers": {"campaign": [""], "language": ["*"]}}, "nearly all"),
    ],
)
def test_a_silence_that_makes_no_sense_is_one_line(
    database: Database[Document], fields: dict[str, object], said: str
) -> None:
    given = {"matchers": {"rule": ["x"]}, "start": NOON, "end": NOON + HOUR, "author": "a", "comment": "c"}
    with pytest.raises(UserError, match=said):
        silence(database, **given | fields)  # type: ignore[arg-type]  # on purpose
