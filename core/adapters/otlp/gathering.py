"""Gather a conversation's spans over several requests: the parts of a turn are exported before the turn."""

from collections import OrderedDict
from collections.abc import Iterable

from core.adapters.otlp.conversation import ROOTS
from core.adapters.otlp.spans import Span

MOST_SPANS = 100_000
"""Most spans kept at once, some 100 MB; the conversations silent for longest give way."""
MOST_OF_ONE = 10_000
"""Most spans kept of one conversation, hours of talk. Beyond that only its end is accepted; what is dropped
is counted."""
_ROOM_FOR_ENDS = 10
_CONVERSATION = ("conversation.id", "gen_ai.conversation.id", "lk.job_id", "lk.room_sid")
"""Attributes that name a conversation, best first."""


class Conversations:
    """The conversations with recent spans, in this process's memory."""

    def __init__(self, most_spans: int = MOST_SPANS, most_of_one: int = MOST_OF_ONE) -> None:
        self._most_spans = most_spans
        self._most_of_one = most_of_one
        self._held: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._named: dict[str, str] = {}
        self._spans = 0
        self.dropped = 0
        """Spans that were dropped because their conversation had too many."""

    @property
    def held(self) -> int:
        """Return how many spans are kept."""
        return self._spans

    def add(self, spans: Iterable[Span]) -> dict[str, list[Span]]:
        """Add spans; return all that is known of each conversation they belong to, by its id.

        A span that names no conversation belongs to its trace's, which a later span may name.
        """
        touched: set[str] = set()
        for span in spans:
            named = span.text(*_CONVERSATION)
            key = named or self._named.get(span.trace) or _nameless(span.trace)
            if not self._has_room(key, span):
                self.dropped += 1
                continue
            if named and span.trace not in self._named:
                self._named[span.trace] = named
                self._join(_nameless(span.trace), named)
            held = self._held.setdefault(key, {})
            self._spans += span.id not in held
            held[span.id] = span
            self._held.move_to_end(key)
            touched.add(key)
        self._give_way()
        return {
            key: list(self._held[key].values())
            for key in sorted(touched & self._held.keys())
            if not key.startswith(_nameless(""))
        }

    def _has_room(self, key: str, span: Span) -> bool:
        held = self._held.get(key, {})
        room = self._most_of_one + (_ROOM_FOR_ENDS if span.name in ROOTS else 0)
        return span.id in held or len(held) < room

    def _join(self, nameless: str, named: str) -> None:
        """Move what was kept under a trace to the conversation it turns out to be."""
        known, more = self._held.setdefault(named, {}), self._held.pop(nameless, {})
        for span in more.values():
            if span.id in known or not self._has_room(named, span):
                self._spans -= 1
                self.dropped += span.id not in known
            else:
                known[span.id] = span

    def _give_way(self) -> None:
        while self._spans > self._most_spans and len(self._held) > 1:
            _, spans = self._held.popitem(last=False)
            self._spans -= len(spans)
            for span in spans.values():
                self._named.pop(span.trace, None)


def _nameless(trace: str) -> str:
    return f"trace {trace}"
