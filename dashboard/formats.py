"""Figures, times and foreign text as people read them."""

import html
import re
from datetime import date, datetime, timedelta, tzinfo

import pandas as pd

from core.aggregation.search.call_tables import harmless
from core.models.calls.wording import NONE, duration, number, rupees, words
from core.models.definitions import Unit

__all__ = ["NONE", "duration", "number", "rupees", "words"]
"""Written in core, where messages and reports are made of them too."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|$~<>:&]|^\d+(?=\.)\.)")
_JOINER = "\N{WORD JOINER}"
_AFTER_PARSING = re.compile(
    r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\S)|(?<=:)(?=[\w+/-]*:)|(?<=[<>~-])(?=[>=-])", re.IGNORECASE
)
"""Where bare addresses become links, words between colons icons, and strokes arrows, escaped or not."""
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of direction: they would turn the rest of a line round."""


def change(now: float, before: float, unit: Unit) -> str:
    """How far a figure moved, signed: per cent of a count, percentage points of a share, else its unit."""
    if unit in {"calls", "times"}:
        return f"{100 * (now - before) / before:+,.1f} %" if before else f"{now - before:+,.0f}"
    if unit == "share":
        return f"{100 * (now - before):+.1f} pp"
    if unit == "rupees":
        return f"{'-' if now < before else '+'}{rupees(abs(now - before))}"
    return f"{now - before:+,.0f} {unit}"


def is_still(text: str) -> bool:
    """Whether a change rounds to nothing."""
    return not re.search(r"[1-9]", text)


def zone_name(moment: datetime, zone: tzinfo) -> str:
    """The zone as people know it: ``IST, UTC+05:30``."""
    local = moment.astimezone(zone)
    offset = f"UTC{local.isoformat()[-6:]}" if local.utcoffset() else "UTC"
    name = local.tzname() or ""
    return f"{name}, {offset}" if name.isalpha() and name != offset else offset


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """A local time, as short as can be: ``18:32``, ``23 Nov 18:32``, ``31 Jan 1999 18:32``."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%-d %b %H:%M}" if local.year == today.year else f"{local:%-d %b %Y %H:%M}"


def day(moment: date) -> str:
    """A day: ``31 Jan 1999``."""
    return f"{moment:%-d %b %Y}"


def ago(since: timedelta) -> str:
    """How long ago: ``12 s ago``, ``5 min ago``, ``3 h ago``, ``2 days ago``."""
    seconds = max(0, int(since.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def straight(text: str) -> str:
    """Foreign text without marks of direction."""
    return _TURNING.sub("", text)


def plain_label(text: str) -> str:
    """Foreign text for a chart: Plotly takes some HTML for markup."""
    return html.escape(straight(text), quote=False)


def plain(text: str) -> str:
    """Foreign text for a Markdown element: shown as it is, nothing in it takes effect.

    An unseen joiner stands in what Streamlit would make active after the Markdown is parsed.
    """
    text = _AFTER_PARSING.sub(_JOINER, " ".join(straight(text).split()))
    return _MARKDOWN.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", text)


def as_typed(text: str) -> str:
    """Text that was perhaps copied from a page: without what ``plain`` puts into it."""
    return text.replace(_JOINER, "").strip()


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV; a text that a spreadsheet would take for a formula is made plain."""
    text: str = table.map(harmless).to_csv(index=False)
    return text


def span(length: timedelta) -> str:
    """How long: ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    return ago(length).removesuffix(" ago")


def size(count: int) -> str:
    """Bytes: ``812 kB``, ``9.4 MB``, ``1.2 GB``."""
    for unit, power in (("GB", 9), ("MB", 6)):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
