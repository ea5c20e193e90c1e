"""Format figures and times, and make foreign text safe to show."""

import html
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from unicodedata import bidirectional

import pandas as pd

from core.aggregation.search.call_tables import harmless
from core.clock import is_twice
from core.models.calls.wording import NONE, duration, lasted, midway, number, rupees, words
from core.models.definitions import Unit
from core.settings import get_settings

__all__ = ["NONE", "duration", "lasted", "midway", "number", "rupees", "words"]
"""Written in core, where messages and reports are made of them too."""
LONGEST_LABEL = 24
"""Letters of a name beside or above a chart; campaigns have up to 128."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|$~<>:&]|^\d+(?=\.)\.)")
_JOINER = "\N{WORD JOINER}"
_ISOLATE, _END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_FROM_RIGHT = frozenset({"R", "AL"})
"""Classes of Unicode's letters that are written from right to left: Hebrew; Arabic and Urdu."""
_AFTER_PARSING = re.compile(
    r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\S)|(?<=:)(?=[\w+/-]*:)|(?<=[<>~-])(?=[>=-])", re.IGNORECASE
)
"""Where Streamlit turns bare addresses into links, :words: into icons and -> into arrows, even escaped."""
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Text direction marks, which would reverse the rest of a line."""


def change(now: float, before: float, unit: Unit) -> str:
    """Return a signed change: in per cent for counts, percentage points for shares, else in its unit."""
    if unit in {"calls", "times"}:
        return f"{100 * (now - before) / before:+,.1f} %" if before else f"{now - before:+,.0f}"
    if unit == "share":
        return f"{100 * (now - before):+.1f} pp"
    if unit == "rupees":
        return f"{'-' if now < before else '+'}{rupees(abs(now - before))}"
    return f"{now - before:+,.0f} {unit}"


def is_still(text: str) -> bool:
    """Return whether a change rounds to zero."""
    return not re.search(r"[1-9]", text)


def zone_name(moment: datetime, zone: tzinfo) -> str:
    """Return a zone's name and offset: ``IST, UTC+05:30``."""
    local = moment.astimezone(zone)
    offset = f"UTC{local.isoformat()[-6:]}" if local.utcoffset() else "UTC"
    name = local.tzname() or ""
    return f"{name}, {offset}" if name.isalpha() and name != offset else offset


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Return a local time as short as possible: ``18:32``, ``23 Nov 18:32``, ``31 Jan 1999 18:32``."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%-d %b %H:%M}" if local.year == today.year else f"{local:%-d %b %Y %H:%M}"


def hour(local: datetime) -> str:
    """Return the time of day of a local time: ``18:32``; ``02:30 CET`` where clocks show it twice."""
    return (
        f"{local:%H:%M} {local.replace(tzinfo=get_settings().tz):%Z}" if is_twice(local) else f"{local:%H:%M}"
    )


def until(moment: datetime, since: datetime, zone: tzinfo, now: datetime) -> str:
    """Return a local time named after an earlier one: only ``18:32`` on the same day."""
    same_day = moment.astimezone(zone).date() == since.astimezone(zone).date()
    return f"{moment.astimezone(zone):%H:%M}" if same_day else clock(moment, zone, now)


def day(moment: date) -> str:
    """Return a day: ``31 Jan 1999``."""
    return f"{moment:%-d %b %Y}"


def ago(since: timedelta) -> str:
    """Return how long ago: ``12 s ago``, ``5 min ago``, ``3 h ago``, ``2 days ago``."""
    seconds = max(0, int(since.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def enumerated(texts: Sequence[str]) -> str:
    """Return texts as a list in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last


def straight(text: str) -> str:
    """Return text without direction marks."""
    return _TURNING.sub("", text)


def plain_label(text: str) -> str:
    """Return foreign text escaped for Plotly, which interprets some HTML, and ``%{x}`` in templates."""
    return html.escape(straight(text), quote=False).replace("%{", "&#37;{")


def short_label(text: str) -> str:
    """Return foreign text for Plotly, without its middle if it leaves no room beside it on a phone."""
    line = straight(text)
    if len(line) > LONGEST_LABEL:
        line = f"{line[: LONGEST_LABEL - 10]}\N{HORIZONTAL ELLIPSIS}{line[-9:]}"
    return plain_label(line)


def plain(text: str) -> str:
    """Return foreign text escaped for Markdown, so that nothing in it takes effect.

    Invisible joiners break up what Streamlit would still interpret after parsing the Markdown. Text that is
    written from right to left is isolated, or figures beside it would change places.
    """
    line = _AFTER_PARSING.sub(_JOINER, " ".join(straight(text).split()))
    safe = _MARKDOWN.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", line)
    if line.isascii() or not any(bidirectional(letter) in _FROM_RIGHT for letter in line):
        return safe
    return f"{_ISOLATE}{safe}{_END}"


def as_typed(text: str) -> str:
    """Return text that may have been copied from a page, without what ``plain`` adds."""
    return re.sub(f"[{_JOINER}{_ISOLATE}{_END}]", "", text).strip()


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would take for a formula is defused, in headings too."""
    head = [str(harmless(name)) for name in table.columns]
    text: str = table.map(harmless).to_csv(index=False, header=head)
    return text


def span(length: timedelta) -> str:
    """Return a length of time: ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    return ago(length).removesuffix(" ago")


def size(count: int) -> str:
    """Return a size in bytes: ``812 kB``, ``9.4 MB``, ``1.2 GB``."""
    for unit, power in (("GB", 9), ("MB", 6)):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
