"""A report as a message: HTML with a picture and plain text for mail, a short form for chat."""

from core.alerting.channels.layout import LONGEST_BRIEF, LONGEST_PLAIN, Picture, Tone, cut
from core.alerting.channels.message import TITLE_WIDTH, Message
from core.reporting import picture
from core.reporting.page import body
from core.reporting.read import Line, Report
from core.settings import get_settings
from core.types import counted


def report_message(report: Report) -> Message:
    """Return a report as a message."""
    shown = Picture(report.span.key, picture.draw(report.calls), picture.words(report.calls))
    installation = get_settings().installation_name
    title = f"[{installation}] {report.title}" if installation else report.title
    return Message(
        title=cut(title, TITLE_WIDTH, " …"),
        text=cut(text(report), LONGEST_PLAIN),
        brief=cut(brief(report), LONGEST_BRIEF),
        tone=Tone.RESOLVED if report.story.normal else Tone.WARNING,
        html=body(report, f"cid:{shown.name}"),
        reference="",
        link=report.span.link,
        pictures=(shown,),
    )


def text(report: Report) -> str:
    """Return a report as plain text, with the same sentences and figures."""
    width = max(len(line.label) for line in report.lines) + 2
    figures = [
        f"{line.label:<{width}}{line.value}{_was(report, line, ', a week before {}')}{_goal(line)}"
        for line in report.lines
    ]
    zone = get_settings().tz
    alerts = [
        f"{fired.at.astimezone(zone):%a %H:%M}  {fired.severity}  {fired.name}" for fired in report.fired
    ]
    if (left := report.times_fired - len(alerts)) > 0:
        alerts = [f"{left:,} earlier ones", *alerts]
    return "\n".join(
        [
            *[report.story.headline, *(f"- {reason.sentence}" for reason in report.story.reasons), ""],
            *[*figures, *_uncompared(report), ""],
            *["Alerts", *(alerts or ["No alert fired."]), ""],
            f"Dashboard: {report.span.link}",
        ]
    )


def _was(report: Report, line: Line, words: str) -> str:
    return "" if report.uncompared else words.format(line.was)


def _uncompared(report: Report) -> list[str]:
    return [f"Not compared: {report.uncompared}"] if report.uncompared else []


def _goal(line: Line) -> str:
    return f" (target {line.goal})" if line.goal else ""


def brief(report: Report) -> str:
    """Return a report for chat: the story, and one line per figure."""
    reasons = [f"• {reason.sentence}" for reason in report.story.reasons]
    figures = [f"{line.label}: {line.value}{_was(report, line, ' (was {})')}" for line in report.lines]
    fired = f"{counted(report.times_fired, 'alert')} fired" if report.times_fired else "No alert fired"
    return "\n".join([report.story.headline, *reasons, *figures, *_uncompared(report), fired])
