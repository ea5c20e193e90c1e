"""Colours by meaning, and the few style rules that Streamlit has no setting for.

The hues are Okabe and Ito's, which colour-blind people can distinguish; severities also have icon and word.
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
"""Plotly's name of the heat maps' scale, which is safe for colour-blind people."""


READABLE = 4.5
"""WCAG's minimum contrast for text of this size."""


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast of two colours, 1 to 21."""
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
    """The chart colours of the light or dark theme."""

    text: str
    muted: str
    grid: str
    surface: str
    neutral: str
    accent: str
    colours: dict[str, str]
    severities: dict[str, str]
    cycle: tuple[str, ...]
    """For values without their own colour, such as languages and campaigns."""

    @property
    def tones(self) -> dict[str, str]:
        """Return the colours of good, bad and neutral changes."""
        return {"good": self.colours["positive"], "bad": self.colours["negative"], "neutral": self.neutral}

    def readable(self, colour: str) -> str:
        """Return the colour for text, mixed towards the text colour until it has a contrast of 4.5 : 1."""
        for share in range(11):
            mixed = _mixed(colour, self.text, share / 10)
            if contrast(mixed, self.surface) >= READABLE:
                return mixed
        return self.text

    def of(self, names: Sequence[str]) -> dict[str, str]:
        """Return a colour per value, always the same for the same set of names."""
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
        "platform": "#B87A00",
        "other": "#A8527F",
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
        "platform": "#E69F00",
        "other": "#D98DB5",
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
_WRAPPER = "[data-testid=stLayoutWrapper]"
_DARK_STYLE = (_STATIC / "dark.css").read_text()


def mode() -> Mode:
    """Return which theme the reader's browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def palette_of(name: Mode) -> Palette:
    """Return the chart colours of a theme."""
    return _PALETTES[name]


def apply_style() -> None:
    """Add the style rules to the page."""
    st.html(f"<style>{_STYLE}{_DARK_STYLE if mode() == 'dark' else ''}</style>")


def hide(keys: Iterable[str]) -> None:
    """Hide widgets by their keys.

    They stay in the page, because only widgets that exist in the browser are kept in the URL.
    """
    rules = ", ".join(f"{_ROWS} > {_WRAPPER}:has(> .st-key-{key}), .st-key-{key}" for key in keys)
    st.html(f"<style>{rules or '.none'} {{ display: none !important; }}</style>")


def watch_charts() -> None:
    """Add the script that pauses the page for zoomed charts, lets swipes scroll, and follows the theme."""
    st.html(f"<script>{_SCRIPT}</script>", unsafe_allow_javascript=True)


def watch_turns() -> None:
    """Add the script that highlights everything of a call's turn when pointing at or choosing it."""
    st.html(f"<script>{_CALL_SCRIPT}</script>", unsafe_allow_javascript=True)


def follow(link: str) -> None:
    """Have the browser follow a link to one of our pages, so that Back returns here."""
    address = json.dumps(link).replace("<", "\\u003c")
    st.html(f"<script>window.followLink({address}, {time.time_ns()})</script>", unsafe_allow_javascript=True)


def severity_badge(severity: str) -> str:
    """Return a severity as a Markdown badge with icon, word and colour."""
    colour, icon, word = SEVERITY_BADGES.get(severity, ("gray", ":material/help:", "Unknown"))
    return f":{colour}-badge[{icon} {word}]"
