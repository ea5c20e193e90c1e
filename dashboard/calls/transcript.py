"""The transcript of a call by turn: masked for everyone, unmasked for those who may and give a reason.

Each turn is a button: the browser highlights what belongs to it in the charts and the log.
"""

import html
from collections.abc import Iterator, Mapping, Sequence

import streamlit as st
from pymongo.errors import PyMongoError

from core.access.permissions import LEAST, Permission
from core.access.reveal import LONGEST_REASON, reveal_transcript
from core.access.transcripts import Transcript
from core.aggregation.one_call.clock import CallClock
from core.errors import UserError
from core.models.calls.transcripts import Said, said_in
from core.models.metrics import TurnMetrics
from core.privacy.sensitive import key_of
from core.storage import get_sync_database
from core.storage.server.connection import unavailable_text
from dashboard import formats, visitor
from dashboard.charts.call_timeline import turn_times

_WHO = {"lead": "Lead", "agent": "Agent", "": "Said"}
Words = Mapping[int, Sequence[Said]]


def turns_said(call_id: str, turns: Sequence[TurnMetrics], clock: CallClock, transcript: Transcript) -> None:
    """Show what was said in each turn, with a form to unmask it for those who may."""
    with st.container(border=True, key="chart-said"):
        sealed = any(key_of(turn.transcript) for turn in turns)
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown("## What was said", width="stretch")
            shown = _unmask(call_id) if sealed and visitor.may(Permission.DECRYPT) else None
        st.caption(_about(transcript, unmasked=shown is not None, sealed=sealed))
        entries = "".join(_turns(turns, clock, transcript.said if shown is None else shown))
        st.html(f'<ol class="said">{entries}</ol>')


def _about(transcript: Transcript, *, unmasked: bool, sealed: bool) -> str:
    if not transcript.is_there:
        return "No transcript recorded: docs/recording.md shows how to send one"
    if unmasked:
        return "Unmasked; recorded in the audit log with your reason"
    said = ["Numbers, addresses and other personal data are masked"] if transcript.said else []
    if transcript.left_out:
        said.append(f"{transcript.left_out} turns are not stored: no encryption key")
    if transcript.locked:
        said.append(f"{transcript.locked} turns cannot be opened here: their key is missing")
    if sealed and not visitor.may(Permission.DECRYPT):
        said.append(f"the role {LEAST[Permission.DECRYPT].label} can unmask it, with a reason")
    return " \N{MIDDLE DOT} ".join(said)


def _turns(turns: Sequence[TurnMetrics], clock: CallClock, words: Words) -> Iterator[str]:
    events = {turn.turn: [event.words for event in clock.events if event.turn == turn.turn] for turn in turns}
    for turn, at in zip(turns, turn_times(turns, clock), strict=True):
        said = list(words.get(turn.turn, ()))
        lead, agent = ([one for one in said if (one.by == "agent") is is_agent] for is_agent in (False, True))
        parts = [*map(_said, lead), *_waited(turn), *map(_said, agent)]
        parts += [f'<p class="mark">{_text(text)}</p>' for text in events[turn.turn]]
        yield (
            f'<li data-turn="{turn.turn}"><button type="button" aria-pressed="false">'
            f"Turn {turn.turn} <small>{at}</small></button>{''.join(parts)}</li>"
        )


def _said(one: Said) -> str:
    return f'<p class="{one.by or "lead"}" dir="auto"><b>{_WHO[one.by]}</b> {_text(one.words)}</p>'


def _waited(turn: TurnMetrics) -> Iterator[str]:
    found = [] if turn.e2e_ms is None else [f"waited {turn.e2e_ms:,.0f} ms"]
    for tool in turn.tool_calls or ():
        took = "" if tool.ms is None else f" {tool.ms:,.0f} ms"
        found.append(f"{tool.name}{took}{'' if tool.ok else ' failed'}")
    if found:
        together = " \N{MIDDLE DOT} ".join(found)
        yield f'<p class="wait">{_text(together)}</p>'


def _text(text: str) -> str:
    return html.escape(formats.straight(text)).replace("\n", "<br>")


def _unmask(call_id: str) -> Words | None:
    """Show a form that asks for a reason; return the unmasked words once it is given."""
    with (
        st.popover("Unmask", icon=":material/lock_open:", type="tertiary", width="content"),
        st.form(f"unmask-{call_id}", border=False),
    ):
        reason = st.text_input("Reason", max_chars=LONGEST_REASON, placeholder="Ticket 4711; no names")
        if not st.form_submit_button("Show what was said", icon=":material/visibility:"):
            return None
        try:
            actor = visitor.require(Permission.DECRYPT)
            said = reveal_transcript(get_sync_database(), actor, call_id, formats.as_typed(reason))
        except (UserError, PyMongoError) as error:
            text = unavailable_text(error) if isinstance(error, PyMongoError) else str(error)
            st.error(formats.plain(text), icon=":material/error:")
            return None
    return {turn: said_in(text) for turn, text in said.items()}
