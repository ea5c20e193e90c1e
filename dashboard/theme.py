"""Colours, one for each meaning, and the few rules of style that Streamlit has no setting for.

The hues are Okabe and Ito's, told apart by colour-blind people too; severities also carry an icon and a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

Mode = Literal["light", "dark"]
HEAT_SCALE = "Cividis"
"""Of heat maps: Plotly's name of a scale that colour-blind people read alike."""


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
    neutral="#9AA3AE",
    accent="#0072B2",
    colours={
        "completed": "#0072B2",
        "failed": "#D55E00",
        "no_answer": "#B4BCC6",
        "outbound": "#0072B2",
        "inbound": "#E69F00",
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
        "neutral": "#B4BCC6",
        "positive": "#009E73",
        "asr": "#0072B2",
        "llm": "#D55E00",
        "tts": "#009E73",
        "telephony": "#9AA3AE",
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

_STYLE = """
<style>
[data-testid="stMainBlockContainer"] { max-width: 1600px; padding-left: 2.5rem; padding-right: 2.5rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-left: 1rem; padding-right: 1rem; }
}
.st-key-kpis, .st-key-tiles { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.75rem; }
@media (max-width: 1000px) {
  .st-key-kpis, .st-key-tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
.st-key-kpis > *, .st-key-tiles > * { width: auto !important; min-width: 0; height: 100%; }
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; }
.st-key-filters > :has(> .st-key-times-unseen), .st-key-times-unseen { display: none !important; }
.st-key-filters > :has(> .st-key-times-shown) { flex: 0 1 388px; max-width: 100%; }
.st-key-times-shown > * { width: 190px !important; flex: 0 1 auto !important; }
[data-stale="true"] { opacity: 1 !important; }
[data-testid="stMarkdownContainer"]:has(> table) { max-width: none; margin-bottom: 0; overflow-x: auto; }
[data-testid="stMarkdownContainer"] table { width: 100%; margin: 0; font-size: 0.875rem; }
[data-testid="stMarkdownContainer"] table :is(td, th) {
  border-width: 0 0 1px; padding: 0.25rem 0.375rem; font-size: inherit; vertical-align: middle;
}
[data-testid="stMarkdownContainer"] table th { font-weight: 400; opacity: 0.75; }
[data-testid="stMarkdownContainer"] table tr:last-child td { border-bottom: none; }
@media (min-width: 641px) {
  [data-testid="stMarkdownContainer"] table :is(td, th) { white-space: nowrap; }
  [data-testid="stMarkdownContainer"] table td:last-child { white-space: normal; }
  .st-key-active-alerts td, .st-key-chart-definitions td { white-space: normal; }
}
[class*="st-key-plot-"] { width: round(down, 100%, 1px) !important; }
[class*="st-key-chart-"] h2 { padding: 0; margin: 0; font-size: 1rem; }
[class*="st-key-chart-"] [data-testid="stMarkdownContainer"]:has(h2) { margin: 0; }
[class*="st-key-chart-"] [data-testid="stPopover"] { flex-shrink: 0; }
@media (min-width: 641px) {
  [class*="st-key-chart-"] [data-testid="stCaptionContainer"] { min-height: 2.9em; }
}
[class*="st-key-kpi-"]:has(.spark) { position: relative; }
[class*="st-key-kpi-"]:has(.spark) [data-testid="stMetric"] { padding-bottom: 68px; }
[class*="st-key-kpi-"] > :has(.spark) { position: absolute; bottom: 8px; left: 1px; right: 1px; width: auto; }
.spark { display: block; width: 100%; height: 56px; }
@media (max-width: 1200px) {
  .st-key-kpis div:has(> [data-testid="stMetricDelta"]) { flex-wrap: wrap; }
}
@media (max-width: 640px) {
  .st-key-filters > * { flex: 1 1 150px; max-width: none; }
  .st-key-filters > :first-child, .st-key-call-controls > :first-child { flex-basis: 100%; }
  .st-key-call-controls > * { flex: 1 1 150px; width: auto !important; max-width: none; }
  .st-key-period button, .st-key-level button { padding-left: 0.55rem; padding-right: 0.55rem; }
  [data-testid="stMarkdownContainer"] table :is(td, th) {
    overflow-wrap: anywhere; padding: 0.3rem 0.25rem; font-size: 0.8rem;
  }
  [data-testid="stMarkdownContainer"] table { table-layout: fixed; }
  .st-key-chart-definitions th:nth-child(1) { width: 23%; }
  .st-key-chart-definitions th:nth-child(2) { width: 28%; }
  .st-key-chart-definitions th:nth-child(4) { width: 13%; }
  .st-key-chart-definitions th:nth-child(5) { width: 18%; }
  .st-key-chart-definitions table :is(td, th) { font-size: 0.72rem; }
  .st-key-chart-changes th:nth-child(1), .st-key-chart-standings th:nth-child(2) { width: 25%; }
  .st-key-chart-services th:nth-child(2) { width: 30%; }
  .st-key-chart-services :is(td, th):nth-child(n + 6) { display: none; }
  .st-key-chart-rules :is(td, th):nth-child(5) { display: none; }
  .st-key-chart-rules th:nth-child(2) { width: 39%; }
  .st-key-chart-rules th:nth-child(3) { width: 25%; }
  .st-key-active-alerts thead { display: none; }
  .st-key-active-alerts tr { display: flex; flex-wrap: wrap; padding: 0.25rem 0; }
  .st-key-active-alerts td { border: none; padding: 0.15rem 0.4rem; }
  .st-key-active-alerts td:nth-child(2) { flex-basis: 100%; order: -1; }
  .st-key-active-alerts td:nth-child(3)::after { content: " against"; color: inherit; }
}
</style>
"""
_DARK_STYLE = """
<style>
/* White on the light primary colour could not be read. */
[data-testid^="stBaseButton-primary"]:not(:disabled) *, [data-tag] * { color: #14181C; }
</style>
"""


def mode() -> Mode:
    """Whether the reader's browser shows the light or the dark theme."""
    return "dark" if st.context.theme.type == "dark" else "light"


def palette_of(name: Mode) -> Palette:
    """The chart colours of a theme."""
    return _PALETTES[name]


def apply_style() -> None:
    """Put the rules of style on the page."""
    st.html(_STYLE + (_DARK_STYLE if mode() == "dark" else ""))


def severity_badge(severity: str) -> str:
    """A severity in Markdown: icon, word and colour."""
    colour, icon, word = SEVERITY_BADGES.get(severity, ("gray", ":material/help:", "Unknown"))
    return f":{colour}-badge[{icon} {word}]"
