"""Turn what is said about each alert into one message for mail and chat, never longer than they accept."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from html import escape
from urllib.parse import parse_qs, urlsplit

from core.settings import get_settings

MOST_AT_LENGTH = 10
"""A message about more alerts gives only the titles of the rest."""
LONGEST_BRIEF = 7_000
"""Slack accepts attachments of 8,000 letters, some of which it counts as several."""
LONGEST_PLAIN, LONGEST_HTML = 15_000, 45_000
"""In bytes. Gmail clips a mail at 102 kB, and encoding for transport adds a third."""
_LONGEST_TEXT = 4_000
_LONGEST_FACT = 500
_MOST_FACTS = 30
_ROOM_FOR_THE_REST = 300
_CUT = " … (cut)"
_APART = "\n\n"
_LINK = re.compile(r"https?://")
LINK_WORDS = {
    "Dashboard": "view on the dashboard",
    "Runbook": "what to do",
    "Acknowledge": "acknowledge",
}
"""What a mail shows for a link, by the name of its fact; other links are shown as they are."""


class Tone(StrEnum):
    """How good or bad the news is, from mild to severe, with "over" last."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    RESOLVED = "resolved"


COLOURS = {Tone.INFO: "#5b7083", Tone.WARNING: "#b26a00", Tone.CRITICAL: "#b3261e", Tone.RESOLVED: "#1b7f4d"}


def length(text: str) -> int:
    """Return the length in UTF-16 units, the largest count of any service that does not count bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int, mark: str = _CUT) -> str:
    """Return a text of at most this many UTF-16 units; one that was shortened ends with a mark.

    A link that does not fit is left out: part of it would lead elsewhere.
    """
    if length(text) <= most:
        return text
    left = max(most - length(mark), 0)
    kept = text[:left]
    if length(kept) > left:
        kept = kept.encode("utf-16-le", "surrogatepass")[: 2 * left].decode("utf-16-le", "ignore")
    if not text[len(kept)].isspace():
        last_word = max(kept.rfind(" "), kept.rfind("\n")) + 1
        link = _LINK.search(kept, last_word)
        kept = kept[: link.start()] if link else kept
    return (kept.rstrip() + mark)[:most]


@dataclass(frozen=True)
class Picture:
    """A picture in a mail: the name by which the HTML refers to it, and its content in words."""

    name: str
    png: bytes = field(repr=False)
    words: str


@dataclass(frozen=True)
class Section:
    """What is said about one alert; one with only a ``line`` is named and nothing more."""

    title: str
    text: str
    facts: Mapping[str, str]
    tone: Tone
    line: bool = False
    picture: Picture | None = None

    @property
    def state(self) -> str:
        """Return its state: CRITICAL, RESOLVED after 2 h."""
        return self.title.partition(": ")[0]

    @property
    def what(self) -> str:
        """Return which alert it is."""
        return self.title.partition(": ")[2]

    @property
    def bounded(self) -> "Section":
        """Return the same at a length that lets several fit into one message."""
        facts = dict(list(self.facts.items())[-_MOST_FACTS:])
        facts = {
            cut(key, _LONGEST_FACT): value if _is_link(value) else cut(value, _LONGEST_FACT)
            for key, value in facts.items()
        }
        return replace(self, text=cut(self.text, _LONGEST_TEXT), facts=facts)


@dataclass(frozen=True)
class Layout:
    """One message as plain text, for chat, and as HTML."""

    text: str
    brief: str
    html: str


def lay_out(sections: Sequence[Section]) -> Layout:
    """Return a message with everything about one alert.

    For several a table, then everything about the first ten.
    """
    bounded = [section.bounded for section in sections]
    if len(bounded) == 1:
        brief = cut(_brief(bounded[0], with_title=False), LONGEST_BRIEF)
        return Layout(_text(bounded[0], with_title=False), brief, _html(bounded[0]))
    named = [section for section in bounded if section.title]
    at_length = [section for section in named if not section.line][:MOST_AT_LENGTH]
    before = [section for section in bounded if not section.title]
    rows = named if len(named) > 1 else []
    texts = [_text(section, with_title=True) for section in at_length]
    briefs = [_brief(section, with_title=True) for section in at_length]
    return Layout(
        _stacked(
            [*map(_plain, before), *_table(rows, LONGEST_PLAIN // 2, in_bytes)],
            texts,
            LONGEST_PLAIN,
            in_bytes,
        ),
        _stacked(
            [*map(_plain, before), *_table(rows, LONGEST_BRIEF // 2, length)], briefs, LONGEST_BRIEF, length
        ),
        "".join(
            [
                *map(_html, before),
                *_html_table(rows),
                *_fitting(map(_html, at_length), LONGEST_HTML // 2, in_bytes),
            ]
        ),
    )


def _plain(section: Section) -> str:
    return section.text


def _stacked(first: Sequence[str], pieces: Iterable[str], most: int, measure: Callable[[str], int]) -> str:
    """Return what must be included, followed by as many whole pieces as fit."""
    left = most - sum(measure(one) + len(_APART) for one in first)
    return _APART.join([*first, *_fitting(pieces, left, measure, len(_APART))])


def _fitting(
    pieces: Iterable[str], most: int, measure: Callable[[str], int], between: int = 0
) -> Iterator[str]:
    left = most
    for piece in pieces:
        left -= measure(piece) + between
        if left < 0:
            return
        yield piece


def _table(sections: Sequence[Section], most: int, measure: Callable[[str], int]) -> Iterator[str]:
    """Return each alert's state and name, one per line; empty if there are none."""
    if not sections:
        return
    width = max(len(section.state) for section in sections)
    lines = [f"{section.state:<{width}}  {section.what}" for section in sections]
    kept = list(_fitting(lines, most - _ROOM_FOR_THE_REST, measure, len("\n")))
    yield "\n".join([*kept, *_rest(len(lines) - len(kept), f"{get_settings().dashboard_url}/alerts")])


def _html_table(sections: Sequence[Section]) -> Iterator[str]:
    if not sections:
        return
    rows = [
        f'<tr><td style="padding:4px 8px;border-left:4px solid {COLOURS[section.tone]}">'
        f"<b>{escape(section.state)}</b></td>"
        f'<td style="padding:4px 8px">{escape(section.what)}</td>'
        f'<td style="padding:4px 8px">{escape(section.facts.get("Since", ""))}</td></tr>'
        for section in sections
    ]
    kept = list(_fitting(rows, LONGEST_HTML // 2 - _ROOM_FOR_THE_REST, in_bytes))
    style = "font-family:sans-serif;border-collapse:collapse;margin:0 0 16px"
    yield f'<table style="{style}">{"".join(kept)}</table>'
    more = _linked(f"{get_settings().dashboard_url}/alerts", "the Alerts page")
    yield from (
        f'<p style="font-family:sans-serif">{line}</p>' for line in _rest(len(rows) - len(kept), more)
    )


def _rest(count: int, where: str) -> list[str]:
    return [f"and {count} more: {where}"] if count > 0 else []


def fitted(
    pieces: Iterable[str],
    titles: Sequence[str],
    most: int,
    more: str,
    between: str,
    measure: Callable[[str], int] = length,
) -> str:
    """Return pieces one below the other, as many as fit: in full, then as titles, then as a number."""
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
    """Return the length in UTF-8."""
    return len(text.encode(errors="replace"))


def _text(section: Section, *, with_title: bool) -> str:
    width = max(map(len, section.facts), default=0) + 2
    head = [section.title, ""] if with_title and section.title else []
    facts = [f"{key:<{width}}{value}" for key, value in section.facts.items()]
    return "\n".join([*head, section.text, *([""] if facts else []), *facts])


def _brief(section: Section, *, with_title: bool) -> str:
    # Chat shows the title right above the text, so avoid saying it twice, and mark whatever was cut off.
    head = [section.title] if with_title and section.title else []
    text = [] if section.text in section.title else [section.text]
    return "\n".join([*head, *text, *(f"{key}: {value}" for key, value in section.facts.items())])


def _html(section: Section) -> str:
    facts = "<br>".join(
        f"<b>{escape(key)}:</b> {_linked(value, LINK_WORDS.get(key) or _call_in(value))}"
        for key, value in section.facts.items()
    )
    head = f'<h3 style="margin:0 0 8px">{escape(section.title)}</h3>' if section.title else ""
    text = "" if section.text in section.title else f"<p>{'<br>'.join(escape(section.text).splitlines())}</p>"
    if section.picture is not None:
        text += _image(section.picture)
    border = f"border-left:4px solid {COLOURS[section.tone]}"
    style = f"font-family:sans-serif;{border};padding:4px 16px;margin:0 0 16px"
    return f'<div style="{style}">{head}{text}<p>{facts}</p></div>'


def _image(picture: Picture) -> str:
    words = escape(picture.words)
    style = "display:block;max-width:100%;height:auto;border:0"
    return f'<p><img src="cid:{picture.name}" alt="{words}" width="320" height="96" style="{style}"></p>'


def _is_link(value: str) -> bool:
    return value.startswith(("http://", "https://"))


def _call_in(value: str) -> str | None:
    """Return the call that a dashboard link shows."""
    return parse_qs(urlsplit(value).query).get("call_id", [None])[0] if _is_link(value) else None


def _linked(value: str, words: str | None) -> str:
    """Return a value as HTML; an address becomes a link, with words of its own if there are any."""
    shown = escape(value)
    return f'<a href="{shown}">{escape(words) if words else shown}</a>' if _is_link(value) else shown
