"""Colours, one for each meaning, and the few rules of style that Streamlit has no setting for.

The hues are Okabe and Ito's, told apart by colour-blind people too; severities also carry an icon and a word.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import streamlit as st

_STATIC = Path(__file__).parent / "static"
_SCRIPT = (_STATIC / "charts.js").read_text()
_CALL_SCRIPT = (_STATIC / "call.js").read_text()

Mode = Literal["light", "dark"]
HEAT_SCALE = "Cividis"
"""Of heat maps: Plotly's name of a scale that colour-blind people read alike."""


READABLE = 4.5
"""WCAG's least contrast of words of this size."""


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (value / 255 for value in _parts(colour))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]  # noqa: PLR2004 (WCAG)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02X}" for one, two in pairs)


@dataclass(frozen=True)
class Palette:
    """The colours of charts on a light or a dark ground."""

    text: str
    muted: str
    grid: str
    surface: str
    neutral: str
    accent: str
    colours: dict[str, str]
    severities: dict[str, str]
    cycle: tuple[str, ...]
    """For values that have no colour of their own, as languages and campaigns."""

    @property
    def tones(self) -> dict[str, str]:
        """The colours of a change by what it means."""
        return {"good": self.colours["positive"], "bad": self.colours["negative"], "neutral": self.neutral}

    def readable(self, colour: str) -> str:
        """The colour for words: as near to it as 4.5 : 1 against the ground allows, by way of the text's."""
        for share in range(11):
            mixed = _mixed(colour, self.text, share / 10)
            if contrast(mixed, self.surface) >= READABLE:
                return mixed
        return self.text

    def of(self, names: Sequence[str]) -> dict[str, str]:
        """A colour for each value, the same whatever else is shown with it as long as the names are."""
        ordered = sorted(names)
        free = {name: self.cycle[at % len(self.cycle)] for at, name in enumerate(ordered)}
        return {name: self.colours.get(name, free[name]) for name in names}


_LIGHT = Palette(
    text="#16191C",
    muted="#565E68",
    grid="#E4E7EB",
    surface="#FFFFFF",
    neutral="#8A949F",
    accent="#0072B2",
    colours={
        "completed": "#0072B2",
        "failed": "#D55E00",
        "no_answer": "#8A949F",
        "outbound": "#0072B2",
        "inbound": "#C58500",
        "answer_rate": "#0072B2",
        "failure_rate": "#D55E00",
        "error_rate": "#A8527F",
        "qualification_rate": "#009E73",
        "handoff_rate": "#B87A00",
        "p50": "#4A9CCB",
        "p90": "#0072B2",
        "p95": "#D55E00",
        "p99": "#A8527F",
        "negative": "#D55E00",
        "neutral": "#8A949F",
        "positive": "#009E73",
        "asr": "#0072B2",
        "llm": "#D55E00",
        "tts": "#009E73",
        "telephony": "#8A949F",
    },
    severities={"critical": "#A8210F", "warning": "#B35900", "info": "#00588A"},
    cycle=("#0072B2", "#D55E00", "#009E73", "#A8527F", "#B87A00", "#4A9CCB", "#565E68"),
)
_DARK = Palette(
    text="#E8EAED",
    muted="#A6AEB8",
    grid="#2C333B",
    surface="#14181C",
    neutral="#7C8691",
    accent="#56B4E9",
    colours={
        "completed": "#56B4E9",
        "failed": "#F0803C",
        "no_answer": "#66707B",
        "outbound": "#56B4E9",
        "inbound": "#E69F00",
        "answer_rate": "#56B4E9",
        "failure_rate": "#F0803C",
        "error_rate": "#D98DB5",
        "qualification_rate": "#2BC49A",
        "handoff_rate": "#E69F00",
        "p50": "#A9D8F3",
        "p90": "#56B4E9",
        "p95": "#F0803C",
        "p99": "#D98DB5",
        "negative": "#F0803C",
        "neutral": "#66707B",
        "positive": "#2BC49A",
        "asr": "#56B4E9",
        "llm": "#F0803C",
        "tts": "#2BC49A",
        "telephony": "#7C8691",
    },
    severities={"critical": "#FF8A7A", "warning": "#F5A04C", "info": "#7CC6F0"},
    cycle=("#56B4E9", "#F0803C", "#2BC49A", "#D98DB5", "#E69F00", "#A9D8F3", "#A6AEB8"),
)
_PALETTES: dict[Mode, Palette] = {"light": _LIGHT, "dark": _DARK}

SEVERITY_BADGES = {
    "critical": ("red", ":material/error:", "Critical"),
    "warning": ("orange", ":material/warning:", "Warning"),
    "info": ("blue", ":material/info:", "Info"),
}

_MARK = "data:image/svg+xml," + quote((_STATIC / "mark.svg").read_text())
_STYLE = (_STATIC / "style.css").read_text().replace("mark.svg", _MARK)
_ROWS = ":is(.st-key-filters, .st-key-call-controls)"
_DARK_STYLE = (_STATIC / "dark.css").read_text()


def mode() -> Mode:
    """Whether the reader's browser shows the light or the dark theme."""
    return "dark" if st.context.theme.type == "dark" else "light"


def palette_of(name: Mode) -> Palette:
    """The chart colours of a theme."""
    return _PALETTES[name]


def apply_style() -> None:
    """Put the rules of style on the page."""
    st.html(f"<style>{_STYLE}{_DARK_STYLE if mode() == 'dark' else ''}</style>")


def hide(keys: Iterable[str], unless: str = "") -> None:
    """Take boxes off the page by their keys; those of ``unless`` a switch, by its key, is on.

    They stay in the browser: only the value of a widget that it has goes into the URL.
    """
    shut = f".stApp:not(:has(.st-key-{unless} input:checked)) " if unless else ""
    rules = ", ".join(f"{shut}{_ROWS} > :has(> .st-key-{key}), {shut}.st-key-{key}" for key in keys)
    st.html(f"<style>{rules or '.none'} {{ display: none !important; }}</style>")


def watch_charts() -> None:
    """Put the script on the page that pauses it for zoomed charts, lets swipes scroll, follows the theme."""
    st.html(f"<script>{_SCRIPT}</script>", unsafe_allow_javascript=True)


def watch_turns() -> None:
    """Put the script on the page that marks what belongs to a turn of a call that is pointed at or chosen."""
    st.html(f"<script>{_CALL_SCRIPT}</script>", unsafe_allow_javascript=True)


def follow(link: str) -> None:
    """Let the browser go to one of our pages as if the link was clicked, so that Back leads here again."""
    address = json.dumps(link).replace("<", "\\u003c")
    st.html(f"<script>window.followLink({address}, {time.time_ns()})</script>", unsafe_allow_javascript=True)


def severity_badge(severity: str) -> str:
    """A severity in Markdown: icon, word and colour."""
    colour, icon, word = SEVERITY_BADGES.get(severity, ("gray", ":material/help:", "Unknown"))
    return f":{colour}-badge[{icon} {word}]"
