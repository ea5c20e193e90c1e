"""From what is said about each alert to one message for mail and chat, never longer than they take."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape

from core.settings import get_settings

MOST_AT_LENGTH = 10
"""A message about more has the titles of the rest alone."""
LONGEST_BRIEF = 7_000
"""Slack takes an attachment of 8,000 letters, some of which it counts as several."""
LONGEST_PLAIN, LONGEST_HTML = 15_000, 45_000
"""Gmail clips a mail at 102 kB; in bytes, of which the wire makes a third more."""
_LONGEST_TEXT = 4_000
_LONGEST_FACT = 500
_MOST_FACTS = 30
_ROOM_FOR_THE_REST = 300
_CUT = " … (cut)"


class Tone(StrEnum):
    """How good or bad the news is; the later, the worse, but for what is over."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    RESOLVED = "resolved"


COLOURS = {Tone.INFO: "#5b7083", Tone.WARNING: "#b26a00", Tone.CRITICAL: "#b3261e", Tone.RESOLVED: "#1b7f4d"}


def length(text: str) -> int:
    """Length in UTF-16 units, the most that any service counts a text as, but for those that count bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int, mark: str = _CUT) -> str:
    """A text of at most so many UTF-16 units; one that is longer ends with a mark."""
    if length(text) <= most:
        return text
    left = max(most - length(mark), 0)
    kept = text[:left]
    if length(kept) > left:
        kept = kept.encode("utf-16-le", "surrogatepass")[: 2 * left].decode("utf-16-le", "ignore")
    return (kept.rstrip() + mark)[:most]


@dataclass(frozen=True)
class Section:
    """What is said about one alert; one that is only a ``line`` is named, and nothing more."""

    title: str
    text: str
    facts: Mapping[str, str]
    tone: Tone
    line: bool = False

    @property
    def bounded(self) -> "Section":
        """The same in a length that several of it fit into a message."""
        facts = dict(list(self.facts.items())[-_MOST_FACTS:])
        facts = {
            cut(key, _LONGEST_FACT): value if _is_link(value) else cut(value, _LONGEST_FACT)
            for key, value in facts.items()
        }
        return replace(self, text=cut(self.text, _LONGEST_TEXT), facts=facts)


@dataclass(frozen=True)
class Layout:
    """The same message as plain text, for chat, and as HTML."""

    text: str
    brief: str
    html: str


def lay_out(sections: Sequence[Section]) -> Layout:
    """Everything about the first ten, the titles of what else fits, and how many more there are."""
    single = len(sections) == 1
    bounded = [section.bounded for section in sections]
    titles = [section.title for section in bounded]
    brief_alone = cut(_brief(bounded[0], with_title=False), LONGEST_BRIEF)
    if single:
        return Layout(_text(bounded[0], with_title=False), brief_alone, _html(bounded[0]))
    at_length = [number for number, section in enumerate(bounded) if not section.line][:MOST_AT_LENGTH]
    whole = [number in at_length for number in range(len(bounded))]
    more = f"{get_settings().dashboard_url}/alerts"
    text = fitted(_texts(bounded, whole), titles, LONGEST_PLAIN, more, measure=in_bytes)
    brief = fitted(_briefs(bounded, whole), titles, LONGEST_BRIEF, more)
    html = fitted(
        _htmls(bounded, whole), list(map(_html_line, titles)), LONGEST_HTML, _linked(more), "", in_bytes
    )
    return Layout(text, brief, html)


def fitted(
    pieces: Iterable[str],
    titles: Sequence[str],
    most: int,
    more: str,
    between: str = "\n\n",
    measure: Callable[[str], int] = length,
) -> str:
    """Pieces one below the other, at most so much of them: whole, then as titles, then as a number."""
    left = most - _ROOM_FOR_THE_REST
    kept: list[str] = []
    for piece, title in zip(pieces, titles, strict=True):
        fits = next((form for form in (piece, title) if measure(form) + len(between) <= left), None)
        if fits is None:
            break
        kept.append(fits)
        left -= measure(fits) + len(between)
    if (rest := len(titles) - len(kept)) > 0:
        kept.append(f"and {rest} more: {more}")
    return between.join(kept)


def in_bytes(text: str) -> int:
    """Length as UTF-8."""
    return len(text.encode(errors="replace"))


def _texts(sections: Sequence[Section], whole: Sequence[bool]) -> list[str]:
    return [
        _text(section, with_title=True) if at_length else section.title
        for section, at_length in zip(sections, whole, strict=True)
    ]


def _briefs(sections: Sequence[Section], whole: Sequence[bool]) -> list[str]:
    return [
        _brief(section, with_title=True) if at_length else section.title
        for section, at_length in zip(sections, whole, strict=True)
    ]


def _htmls(sections: Sequence[Section], whole: Sequence[bool]) -> list[str]:
    return [
        _html(section) if at_length else _html_line(section.title)
        for section, at_length in zip(sections, whole, strict=True)
    ]


def _text(section: Section, *, with_title: bool) -> str:
    width = max(map(len, section.facts), default=0) + 2
    head = [section.title, ""] if with_title and section.title else []
    facts = [f"{key:<{width}}{value}" for key, value in section.facts.items()]
    return "\n".join([*head, section.text, *([""] if facts else []), *facts])


def _brief(section: Section, *, with_title: bool) -> str:
    # Chat shows the title right above the text: nothing is said twice, and nothing is cut off unsaid.
    head = [section.title] if with_title and section.title else []
    text = [] if section.text in section.title else [section.text]
    return "\n".join([*head, *text, *(f"{key}: {value}" for key, value in section.facts.items())])


def _html(section: Section) -> str:
    facts = "<br>".join(f"<b>{escape(key)}:</b> {_linked(value)}" for key, value in section.facts.items())
    head = f'<h3 style="margin:0 0 8px">{escape(section.title)}</h3>' if section.title else ""
    text = "" if section.text in section.title else f"<p>{'<br>'.join(escape(section.text).splitlines())}</p>"
    border = f"border-left:4px solid {COLOURS[section.tone]}"
    style = f"font-family:sans-serif;{border};padding:4px 16px;margin:0 0 16px"
    return f'<div style="{style}">{head}{text}<p>{facts}</p></div>'


def _html_line(title: str) -> str:
    return f'<p style="font-family:sans-serif;margin:0 0 4px">{escape(title)}</p>'


def _is_link(value: str) -> bool:
    return value.startswith(("http://", "https://"))


def _linked(value: str) -> str:
    shown = escape(value)
    return f'<a href="{shown}">{shown}</a>' if _is_link(value) else shown
