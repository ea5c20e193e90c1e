"""A report as HTML: one page for mail, screen and paper. Foreign text is never markup."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from core.alerting.channels.layout import COLOURS, Tone
from core.models.calls.wording import number, words
from core.reporting import picture
from core.reporting.read import Report
from core.settings import PRODUCT, get_settings

MOST_LANGUAGES = 12
MOST_ALERTS = 20
_FONT = "font-family:'Source Sans 3','Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_CELL = "padding:5px 14px 5px 0;border-bottom:1px solid #e4e7eb;vertical-align:top"
_STYLE = """
body { margin: 0; background: #fff; color: #16191c; }
main { max-width: 720px; margin: 0 auto; padding: 24px 20px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
@page { size: A4; margin: 14mm; }
@media print {
  main { max-width: none; padding: 0; }
  h2, h3, tr, img, .story { break-inside: avoid; }
  h2 { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
"""


def page(report: Report) -> str:
    """Return a complete page that includes its picture."""
    source = f"data:image/png;base64,{b64encode(picture.draw(report.calls)).decode()}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{body(report, source)}</main></body></html>\n"
    )


def body(report: Report, source: str) -> str:
    """Return the content of the page or mail; ``source`` is the picture's address."""
    kind = "Daily" if report.span.days == 1 else "Weekly"
    image = f'<img src="{source}" alt="{escape(picture.words(report.calls))}" width="{picture.WIDTH}"'
    link = f'<a href="{escape(report.span.link)}">Open this period on the dashboard</a>'
    parts = (
        f'<p style="margin:0;color:#565e68;font-size:13px">{PRODUCT} \N{MIDDLE DOT} {kind} report</p>',
        f'<h1 style="margin:2px 0 14px;font-size:22px">{escape(report.span.words)}</h1>',
        _story(report),
        f'<p style="margin:16px 0">{image} style="display:block;max-width:100%;height:auto;border:0"></p>',
        _legend(),
        _figures(report),
        _languages(report),
        _alerts(report),
        f'<p style="margin:18px 0 0;font-size:13px">{link}</p>',
    )
    return f'<div style="{_FONT};color:#16191c;max-width:720px">{"".join(parts)}</div>'


def _story(report: Report) -> str:
    story = report.story
    tone = (
        COLOURS[Tone.INFO] if not story.known else COLOURS[Tone.RESOLVED if story.normal else Tone.CRITICAL]
    )
    reasons = "".join(f'<li style="margin:2px 0">{escape(one.sentence)}</li>' for one in story.reasons)
    listed = f'<ul style="margin:6px 0 0;padding-left:18px;font-size:14px">{reasons}</ul>' if reasons else ""
    return (
        f'<div class="story" style="border-left:4px solid {tone};background:#f5f7f9;padding:10px 14px">'
        f'<b style="font-size:17px">{escape(story.headline)}</b>{listed}</div>'
    )


def _legend() -> str:
    parts = (
        f'<span style="color:{colour}">&#9632;</span> {escape(words(outcome))}'
        for outcome, colour in picture.COLOURS.items()
    )
    return f'<p style="margin:0 0 6px;font-size:13px;color:#565e68">{" &nbsp; ".join(parts)}</p>'


def _figures(report: Report) -> str:
    goals = any(line.goal for line in report.lines)
    compared = not report.uncompared
    head = ["", "This period", *(["A week before"] if compared else []), *(["Target"] if goals else [])]
    rows = [
        [line.label, line.value, *([line.was] if compared else []), *([line.goal] if goals else [])]
        for line in report.lines
    ]
    note = (
        "" if compared else f'<p style="font-size:13px;color:#565e68">Not compared: {report.uncompared}</p>'
    )
    return _table("Figures", head, rows) + note


def _languages(report: Report) -> str:
    frame = report.languages.iloc[:MOST_LANGUAGES]
    if len(frame) < 2:  # noqa: PLR2004 (nothing to compare)
        return ""
    columns = ("answer_rate", "failure_rate", "qualification_rate")
    rows = [
        [
            words(str(name)) or "None given",
            f"{int(row['n']):,}",
            *(number(row[one], "share") for one in columns),
        ]
        for name, row in frame.iterrows()
    ]
    return _table("By language", ["", "Calls", "Answered", "Failed", "Qualified"], rows)


def _alerts(report: Report) -> str:
    zone = get_settings().tz
    rows = [
        [f"{fired.at.astimezone(zone):%a %-d %b %H:%M}", str(fired.severity).capitalize(), fired.name]
        for fired in report.fired[-MOST_ALERTS:]
    ]
    if not rows:
        return _heading("Alerts") + '<p style="margin:0;font-size:14px">No alert fired.</p>'
    newest = f", the newest {len(rows)}" if report.times_fired > len(rows) else ""
    return _table(f"Alerts ({report.times_fired:,}{newest})", ["Fired", "Severity", "Alert"], rows)


def _heading(title: str) -> str:
    return f'<h2 style="margin:20px 0 4px;font-size:16px">{escape(title)}</h2>'


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(
        f'<th scope="col" style="{_CELL};text-align:left;font-weight:500;color:#565e68">{escape(one)}</th>'
        for one in head
    )
    lines = "".join(
        f"<tr>{''.join(f'<td style={chr(34)}{_CELL}{chr(34)}>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    style = "border-collapse:collapse;width:100%;font-size:14px"
    return (
        f'{_heading(title)}<table style="{style}"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>'
    )
