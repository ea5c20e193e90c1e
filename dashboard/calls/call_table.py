"""The table of calls, with real links that open in this tab or a new one, by mouse or keyboard."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from core.aggregation.search.call_rows import LEFT_OUT
from core.models.calls.parts import rupees_in_all
from core.types import Document
from dashboard import formats
from dashboard.filters import label

ORDERED_BY = {
    "Started": "start_time",
    "Duration": "duration_seconds",
    "E2E": "e2e_latency_ms",
    "LLM": "llm_latency_ms",
    "ASR": "asr_latency_ms",
    "TTS": "tts_latency_ms",
    "Sentiment": "sentiment_score",
    "Cost": "cost",
}
"""Columns whose heading sorts the list, newest or worst first."""
COLUMNS = ("Call", "Started", "Outcome", "Result", "Language", "Campaign", "Errors", *list(ORDERED_BY)[1:])
_NUMBERS = frozenset(list(ORDERED_BY)[1:])


def draw(rows: Sequence[Document], zone: ZoneInfo, order: str) -> None:
    """Show stored calls, one per row; the whole row links to the call."""
    head = "".join(_head(name, order) for name in COLUMNS)
    body = "".join(_row(row, zone) for row in rows)
    with st.container(key="calls-table"):
        st.html(
            f'<table class="calls" aria-label="Calls"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _link(**changed: str) -> str:
    kept = {
        name: st.query_params.get_all(name) for name in st.query_params if name not in {"page", "call_id"}
    }
    return html.escape(f"?{urlencode({**kept, **changed}, doseq=True)}")


def _head(name: str, order: str) -> str:
    by, kind = ORDERED_BY.get(name), ' class="number"' if name in _NUMBERS else ""
    if by is None:
        return f"<th{kind}>{name}</th>"
    if by == order:
        way = "ascending" if by == "sentiment_score" else "descending"
        return f'<th{kind} aria-sort="{way}">{name} {"↑" if way == "ascending" else "↓"}</th>'
    return f'<th{kind}><a href="{_link(order=by)}" title="Sort by this column">{name}</a></th>'


def _row(row: Document, zone: ZoneInfo) -> str:
    cells = _cells(row, zone)
    parts = (
        f'<td class="{name.lower()}{" number" if name in _NUMBERS else ""}">{cells[name]}</td>'
        for name in COLUMNS
    )
    return f"<tr>{''.join(parts)}</tr>"


def _cells(row: Document, zone: ZoneInfo) -> dict[str, str]:
    call_id, status = str(row["_id"]), str(row.get("status") or "")
    started = row["start_time"].astimezone(zone)
    cost, seconds, mood = (
        rupees_in_all(row.get("cost")),
        row.get("duration_seconds"),
        row.get("sentiment_score"),
    )
    return {
        "Call": f'<a href="{_link(call_id=call_id)}">{_text(call_id)}</a>{_small(row.get("lead_id"))}'
        + _small(unreadable_words(row)),
        "Started": f"{started:%H:%M:%S}{_small(f'{started:%-d %b %Y}')}",
        "Outcome": f'<span class="outcome {html.escape(status)}">{_text(label("status", status))}</span>'
        + _small(label("", str(row.get("end_reason") or ""))),
        "Result": " · ".join(_results(row)),
        "Language": _text(label("language", str(row.get("language") or "")))
        + _small(label("direction", str(row.get("direction") or ""))),
        "Campaign": _text(row.get("campaign")) + _small(_attempt(row)),
        "Errors": _text(", ".join(label("", kind) for kind in error_types(row))),
        "Duration": "" if seconds is None else formats.duration(seconds),
        "E2E": _ms(row.get("e2e_latency_ms")),
        "LLM": _ms(row.get("llm_latency_ms")),
        "ASR": _ms(row.get("asr_latency_ms")),
        "TTS": _ms(row.get("tts_latency_ms")),
        "Sentiment": "" if mood is None else f"{mood:+.2f}",
        "Cost": "" if cost is None else formats.rupees(cost),
    }


def _results(row: Document) -> Iterator[str]:
    if row.get("qualification_completed"):
        yield "Qualified"
    if row.get("handoff_triggered"):
        yield "Handed off"


def _attempt(row: Document) -> str:
    return f"attempt {row['attempt']}" if row.get("attempt") else ""


def unreadable_words(row: Mapping[str, Any]) -> str:
    """Return which of a call's values cannot be read and are left out; "" if all can."""
    names = row.get(LEFT_OUT)
    return f"cannot be read: {', '.join(names)}" if names else ""


def _text(value: object) -> str:
    """Return foreign text escaped for HTML."""
    return html.escape(formats.straight(str(value or "")))


def _small(value: object) -> str:
    return f"<small>{_text(value)}</small>" if value else ""


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"


def error_types(row: Mapping[str, Any]) -> list[str]:
    """Return the types of a stored call's errors, for any schema version."""
    new = [str(error.get("type")) for error in row.get("errors") or ()]
    return new + [str(kind) for kind in row.get("error_types") or ()]
