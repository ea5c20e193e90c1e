"""The log lines of one call on its own clock, if they are kept in the database."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import streamlit as st

from core.aggregation.one_call.clock import CallClock
from core.settings import get_settings
from dashboard import formats

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_HEAD = ("Call", "Time", "Level", "Component", "Message", "Details")
_SHOWN_APART = {"_id", "timestamp", "level", "component", "message", "call_id", "lead_id"}


def log_lines(lines: Sequence[Mapping[str, Any]], clock: CallClock) -> None:
    """Show a call's log lines in time order from the chosen level up, each with its turn."""
    with st.container(border=True, key="chart-log"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("## Log lines", width="stretch")
            least = st.segmented_control(
                "Lowest level",
                LEVELS,
                default="DEBUG",
                required=True,
                key="level",
                label_visibility="collapsed",
            )
        if not lines:
            st.caption(
                "No log lines of this call are in the database; docs/logging.md shows how to keep them."
            )
            return
        wanted = LEVELS[LEVELS.index(least or "DEBUG") :]
        shown = [line for line in lines if str(line.get("level")) in wanted]
        turns = " \N{MIDDLE DOT} choose a turn to see its lines" if clock.is_told else ""
        st.caption(f"{len(shown)} of {len(lines)} lines{turns}")
        if shown:
            head = "".join(f"<th>{name}</th>" for name in _HEAD)
            body = "".join(_row(line, clock) for line in shown)
            st.html(
                '<p class="turn-lines" role="status"></p><div class="log" tabindex="0" role="region" '
                f'aria-label="Log lines"><table class="log"><thead><tr>{head}</tr></thead>'
                f"<tbody>{body}</tbody></table></div>"
            )


def _row(line: Mapping[str, Any], clock: CallClock) -> str:
    """Return a log line as an HTML row, with its texts escaped."""
    level, turn = str(line.get("level")), clock.turn_of_line(line)
    cells = [
        _clock_time(clock.second_of(line["timestamp"])),
        f"{line['timestamp'].astimezone(get_settings().tz):%H:%M:%S.%f}"[:-3],
        level,
        *(str(line.get(name) or "") for name in ("component", "message")),
        _details(line),
    ]
    belongs = "" if turn is None else f' data-turn="{turn}"'
    kind = f' class="{level.lower()}"' if level in LEVELS else ""
    texts = (html.escape(formats.straight(cell)) for cell in cells)
    return f"<tr{belongs}{kind}>{''.join(f'<td>{text}</td>' for text in texts)}</tr>"


def _clock_time(seconds: float) -> str:
    """Return a time on the call's clock: ``0:42.130``, or ``-0:01.200`` before it began."""
    whole = round(abs(seconds) * 1_000)
    minutes, rest = divmod(whole, 60_000)
    return f"{'-' if seconds < 0 and whole else ''}{minutes}:{rest // 1_000:02d}.{rest % 1_000:03d}"


def _details(line: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in line.items() if key not in _SHOWN_APART}
    return orjson.dumps(rest, default=str).decode() if rest else ""
