"""Each time that an alert fired is listed, with the messages of that time."""

from datetime import UTC, datetime, timedelta

from core.alerting.board import HistoryLine
from core.models.alerts import Alert, AlertState, Severity
from dashboard.alerts import episodes

NOW = datetime(2026, 11, 29, 4, 30, tzinfo=UTC)


def _line(event: str, hours_ago: float, channel: str | None = None) -> HistoryLine:
    at = NOW - timedelta(hours=hours_ago)
    return HistoryLine(
        at, event, "a1", "speech", "Speech", "warning", {"language": "hindi"}, "bad", channel, None
    )


def _alert(state: AlertState, began: float, ended: float | None = None) -> Alert:
    return Alert(
        id="a1",
        alert_type="speech",
        name="Speech",
        severity=Severity.WARNING,
        state=state,
        message="bad",
        started_at=NOW - timedelta(hours=began),
        updated_at=NOW,
        resolved_at=None if ended is None else NOW - timedelta(hours=ended),
    )


HISTORY = sorted(
    [
        *(_line("firing", hours) for hours in (200, 30, 20, 1)),
        *(_line("resolved", hours) for hours in (199, 29, 19)),
        *(_line("sent", hours, "slack") for hours in (29.9, 28.99, 19.9, 0.9)),
    ],
    key=lambda line: line.at,
    reverse=True,
)


def test_an_episode_stays_when_its_rule_fires_again() -> None:
    """Both that ended within 7 days are there while the third goes on, the newest first."""
    over = episodes.over(HISTORY, [], NOW)
    assert [(NOW - (alert.resolved_at or NOW)) / timedelta(hours=1) for alert in over] == [19, 29]
    assert len({alert.id for alert in over}) == 2
    assert {episodes.id_of(alert) for alert in over} == {"a1"}
    assert over[0].labels == {"language": "hindi"}


def test_the_last_episode_is_listed_once() -> None:
    """The alert itself stands for it, which knows more."""
    lines = [line for line in HISTORY if line.at < NOW - timedelta(hours=2)]
    resolved = [_alert(AlertState.RESOLVED, 20, 19)]
    newest, other = episodes.over(lines, resolved, NOW)
    assert newest.id == "a1"
    assert other.id != "a1"


def test_episodes_that_follow_each_other_quickly_are_all_listed_each_with_its_own_messages() -> None:
    """One that ended ten minutes before the last one is not taken for that one."""
    times = [(60, 55), (50, 45), (40, 35)]
    lines = [
        line
        for fired, ended in times
        for line in (
            _line("firing", fired / 60),
            _line("sent", fired / 60, "slack"),
            _line("resolved", ended / 60),
            _line("sent", ended / 60, "slack"),
        )
    ][::-1]
    over = episodes.over(lines, [_alert(AlertState.RESOLVED, 40 / 60, 35 / 60)], NOW)
    assert [round((NOW - alert.started_at) / timedelta(minutes=1)) for alert in over] == [40, 50, 60]
    assert [len(episodes.told_of(alert, lines)) for alert in over] == [4, 4, 4]


def test_messages_are_those_of_the_episode() -> None:
    """Yesterday's are not those of the alert that fires now."""
    sent = [line for line in HISTORY if line.event == "sent"]
    (now,) = episodes.told_of(_alert(AlertState.FIRING, 1), sent)
    assert now.at > NOW - timedelta(hours=1)
    earlier = episodes.over(HISTORY, [], NOW)[1]
    assert len(episodes.told_of(earlier, sent)) == 2
