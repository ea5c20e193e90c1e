"""The log lines of one call, where they are kept in the database."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from core.settings import get_settings
from dashboard import formats

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MOST_PIXELS = 420
_COLOURS = ("#7A838E", "#0072B2", "#B35900", "#B34700", "#A8210F")
_SHOWN_APART = {"_id", "timestamp", "level", "component", "message", "call_id", "lead_id"}


def log_lines(lines: Sequence[Mapping[str, Any]]) -> None:
    """The lines of a call in order of time, from the chosen level on."""
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
                "No log lines of this call are kept in the database; docs/logging.md tells how to keep them."
            )
            return
        wanted = LEVELS[LEVELS.index(least or "DEBUG") :]
        shown = [line for line in lines if str(line.get("level")) in wanted]
        st.caption(f"{len(shown)} of {len(lines)} lines")
        if shown:
            st.dataframe(
                _table(shown),
                hide_index=True,
                height=min(38 + 35 * len(shown), MOST_PIXELS),
                key="log-table",
                column_config={
                    "Level": st.column_config.MultiselectColumn(options=list(LEVELS), color=list(_COLOURS)),
                    "Message": st.column_config.TextColumn(width="large"),
                    "Details": st.column_config.TextColumn(width="large"),
                },
                alt="Log lines of the call",
            )
            _on_paper(shown)


def _table(lines: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    zone = get_settings().tz
    return pd.DataFrame(
        [
            {
                "Time": f"{line['timestamp'].astimezone(zone):%H:%M:%S.%f}"[:-3],
                "Level": [str(line.get("level"))],
                "Component": line.get("component"),
                "Message": line.get("message"),
                "Details": _details(line),
            }
            for line in lines
        ]
    )


def _on_paper(lines: Sequence[Mapping[str, Any]]) -> None:
    """The same lines for whoever prints the page, whole: the table on the screen cuts them at its edge."""
    rows = _table(lines).assign(Level=[str(line.get("level")) for line in lines]).fillna("")
    head = "".join(f"<th>{name}</th>" for name in rows)
    cells = rows.map(lambda value: f"<td>{html.escape(formats.straight(str(value)))}</td>")
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in cells.itertuples(index=False))
    with st.container(key="log-print"):
        st.html(f'<table class="log"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def _details(line: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in line.items() if key not in _SHOWN_APART}
    return orjson.dumps(rest, default=str).decode() if rest else ""
