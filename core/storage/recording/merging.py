"""Build one call from what several sources report about it, whatever the order the reports arrive in.

A stored call that more than its agent reported has ``sources``: per source, its role and its latest value of
each field, with the stamp of the report that gave it. The call's own fields are derived from these, and from
nothing else. So the same reports make the same call, however often and in whichever order they arrive: the
functions here have to stay commutative, associative and idempotent (docs/merging.md).

A call without ``sources`` was recorded whole by its agent, which is the common case and costs nothing here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from core.models.calls.costs import Word, cost_of, in_words, rupees_in, words_of
from core.models.calls.reports import AGENT, CallReport, Role
from core.models.definitions import COST_PARTS
from core.models.metrics import SCHEMA_VERSION, CallMetrics
from core.storage.recording.versions import SERVER_TIME, version_in
from core.types import Document

_TALK = (Role.AGENT, Role.PLATFORM, Role.CARRIER, Role.MONITOR)
_LINE = (Role.CARRIER, Role.PLATFORM, Role.AGENT, Role.MONITOR)
LINE_FIELDS = frozenset(
    {"answered_at", "ring_seconds", "talk_seconds", "hangup_by", "provider_call_id", "telephony"}
)
"""Fields that the carrier knows best. For all others the agent comes first, then the platform."""
_TIMES = ("start_time", "end_time", "duration_seconds")
_ENDING = ("end_reason", "end_reason_raw", "fault")
_LOOSE_TIMES: tuple[tuple[str, ...], ...] = (
    (),
    ("duration_seconds",),
    ("duration_seconds", "answered_at"),
    ("duration_seconds", "answered_at", "end_time"),
)
"""Fields to drop, one step after another, if sources with differing clocks contradict each other."""
_OF_KEYS = frozenset({"cost", "metadata", "telephony", "links", "compliance"})
"""Fields made of keys that a source may report one by one, so that each key has a stamp of its own."""
_OWN_WORDS = {"end_reason_raw": "end_reason", "language_raw": "language"}
"""A source's own words, and what they say; a report that needs none takes the earlier ones back."""
_OPT_OUT = "compliance/opt_out"
_STAGE_STAMP = 10**16
"""Larger than any time a call can have, in microseconds since 1970, so that a later stage always wins."""
_NO_FACTS = frozenset({"_id", "recorded_at", "schema_version", "version", "state", "unjoined"})
Sources = dict[str, Document]
Ranked = list[tuple[str, Document]]
"""Sources with their facts, highest precedence first."""


def document_of(report: CallReport) -> Document:
    """Return the call document of a single report, as if nothing else were known about the call.

    It has the shape that :func:`merge` expects. The stamp of every field is the report's stage, then its time
    in microseconds. ``unjoined`` marks a report that names the call by the source's own id.
    """
    facts = _as_stored(report.facts.model_dump(exclude_none=True))
    if facts.get("language") == "unknown":
        del facts["language"]
    words = dict(_by_key(facts))
    stamp = report.stage * _STAGE_STAMP + int(report.at.timestamp() * 1_000_000)
    source: Document = {"role": str(report.role), "facts": words, "stamps": dict.fromkeys(words, stamp)}
    if report.final:
        source["final"] = True
    document = resolve(report.call_id, {report.source: source})
    return document if report.known_call else document | {"unjoined": True}


def merge(stored: Mapping[str, Any], new: Mapping[str, Any]) -> Document:
    """Return the document of one call from two documents of it; swapping them gives the same result.

    A document without ``sources`` counts as the agent's own report; of two of those the higher version wins.
    Bookkeeping fields (version, recorded_at) are left to :func:`stamped`.
    """
    ours, theirs = sources_of(new), sources_of(stored)
    sources = {name: _latest(theirs.get(name), ours.get(name)) for name in sorted(ours | theirs)}
    document = resolve(stored["_id"], sources)
    return document | ({"unjoined": True} if stored.get("unjoined") and new.get("unjoined") else {})


def stamped(call: Document, *parts: Mapping[str, Any]) -> Document:
    """Return a merged call with the bookkeeping fields it needs to replace the documents it is made of.

    Its version is above theirs, so that a writer that read one of them finds it changed and reads again. It
    counts as recorded now, so that the next refresh sees it and takes the call back out of the archive.
    """
    version = max(map(version_in, parts)) + 1
    return call | {"version": version, "recorded_at": SERVER_TIME, "schema_version": SCHEMA_VERSION}


def is_merged(document: Mapping[str, Any]) -> bool:
    """Return whether a stored call contains more than the agent's own record."""
    return "sources" in document


def agent_version(document: Mapping[str, Any]) -> int:
    """Return the version of the agent's own record inside a stored call; 0 if there is none yet."""
    if not is_merged(document):
        return version_in(document)
    sources = document["sources"]
    own = sources.get(AGENT) if isinstance(sources, Mapping) else None
    return version_in(own) if isinstance(own, Mapping) else 0


def given_by(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the source of each field of a stored call; empty if the agent provided them all."""
    if not is_merged(document):
        return {}
    sources = sources_of(document)
    named = {name: source for name, source, _ in _chosen(sources)}
    return {name: named[name] for name in document if name in named}


def sources_of(document: Mapping[str, Any]) -> Sources:
    """Return the sources of a stored call.

    For a call recorded by its agent alone, that agent as the only source.
    """
    if is_merged(document):
        return {name: in_words(said) for name, said in document["sources"].items()}
    facts = {
        name: _as_stored(value)
        for name, value in document.items()
        if name not in _NO_FACTS and _says(name, value)
    }
    version = version_in(document)
    return {AGENT: {"role": str(Role.AGENT), "final": True, "version": version, "facts": facts}}


def _says(name: str, value: object) -> bool:
    """Return whether a field of a whole record carries information.

    A default must not override a known value.
    """
    if value is None or value is False or (isinstance(value, list | dict) and not value):
        return False
    return (name, value) != ("language", "unknown")


def _latest(one: Document | None, other: Document | None) -> Document:
    """Combine two states of one source: a whole record's later version, else each field's latest value.

    An opt-out in either one survives: consent once withdrawn must not return because an older record arrives
    late.
    """
    if one is None or other is None:
        return one or other or {}
    if "version" in one:
        latest = max(one, other, key=lambda said: (said["version"], _canonical(said["facts"])))
        out = opts_out(one["facts"]) or opts_out(other["facts"])
        return {**latest, "facts": staying_out(latest["facts"])} if out else latest
    facts, stamps = {}, {}
    for name in sorted(one["facts"] | other["facts"]):
        words = [
            (said["stamps"][name], said["facts"][name]) for said in (one, other) if name in said["facts"]
        ]
        stamps[name], facts[name] = max(words, key=lambda word: _weight(name, *word))
    joined = {"role": max(one["role"], other["role"]), "facts": facts, "stamps": stamps}
    return joined | ({"final": True} if one.get("final") or other.get("final") else {})


def _weight(name: str, stamp: int, value: object) -> tuple[bool, int, int, bytes]:
    """Return the sort key that decides between two values of one source: the later one wins.

    An opt-out outranks everything, as it is never taken back. Of two values of the same report the fuller one
    wins (an amount whose exchange rate has become known), and the canonical bytes break ties, so that the
    outcome does not depend on the order of arrival.
    """
    fullness = len(value) if isinstance(value, Mapping) else 0
    return name == _OPT_OUT and value is True, stamp, fullness, _canonical(value)


def opts_out(call: Mapping[str, Any]) -> bool:
    """Return whether a stored call, or a source's facts, say that the lead wants no more calls."""
    return _is_out(call.get("compliance"))


def staying_out(call: Mapping[str, Any]) -> Document:
    """Return the same call with the lead's opt-out set."""
    return {**call, "compliance": {**(call.get("compliance") or {}), "opt_out": True}}


def _is_out(compliance: object) -> bool:
    return isinstance(compliance, Mapping) and compliance.get("opt_out") is True


def _by_key(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the facts, with those of _OF_KEYS split into ``field/key``."""
    for name, value in facts.items():
        if name in _OF_KEYS:
            items = words_of(value) if name == "cost" else value.items()
            yield from ((f"{name}/{key}", item) for key, item in items)
        else:
            yield name, value


def _whole(facts: Mapping[str, Any]) -> Document:
    """Undo :func:`_by_key`; cost stays in its reported form, even if it was whole before."""
    whole: Document = {}
    for name, value in facts.items():
        field, slash, key = name.partition("/")
        if slash:
            whole.setdefault(field, {})[key] = value
        elif name == "cost":
            whole[name] = dict(words_of(value)) if isinstance(value, Mapping) else {}
        else:
            whole[name] = value
    return whole


def _as_stored(value: Any) -> Any:  # noqa: ANN401 (nested data)
    """Return a value as the database gives it back: times cut to the millisecond."""
    if isinstance(value, dict):
        return {key: _as_stored(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000)
    return [_as_stored(item) for item in value] if isinstance(value, list) else value


def _canonical(value: object) -> bytes:
    """Return bytes that are equal for equal values, whatever their key order or time zone."""
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def resolve(call_id: str, sources: Sources) -> Document:
    """Return the call that the sources add up to, with its ``state``.

    ``open``: no source has said yet when it began or how it ended; it has no ``start_time`` and is not
    counted. ``lost``: only the monitor says how it ended. ``ended``: it has ended, and more reports may come.
    ``final``: a source that knows the whole call has nothing more to say.
    """
    fields = {name: value for name, _, value in _chosen(sources)}
    known = {"start_time", "status"} <= fields.keys()
    if known:
        fields.setdefault("direction", "outbound")
        fields = _coherent(call_id, fields)
    else:
        fields.pop("start_time", None)
    return {"_id": call_id, **fields, "state": _state(sources, known=known), "sources": sources}


def _state(sources: Sources, *, known: bool) -> str:
    if not known:
        return "open"
    if _is_lost(sources):
        return "lost"
    speaking = [one for one in sources.values() if one["role"] != Role.MONITOR]
    # A carrier's final report covers the line, not what was said on it.
    whole = [one for one in speaking if one.get("final") and one["role"] != Role.CARRIER]
    alone = all(one["role"] == Role.CARRIER for one in speaking) and all(one.get("final") for one in speaking)
    return "final" if whole or alone else "ended"


def _is_lost(sources: Sources) -> bool:
    """Return whether only the monitor says how the call ended."""
    return not any("status" in one["facts"] for one in sources.values() if one["role"] != Role.MONITOR)


def _coherent(call_id: str, fields: Document) -> Document:
    """Return the fields as the call model has them, without those times that contradict each other.

    Drops the fields of _LOOSE_TIMES step by step until the model accepts the rest. If it never does, the
    fields are returned as they are: a call with odd times is better than none.
    """
    for dropped in _LOOSE_TIMES:
        kept = {name: value for name, value in fields.items() if name not in dropped}
        try:
            call = CallMetrics(call_id=call_id, **kept)
        except ValidationError:
            continue
        document: Document = _as_stored(call.model_dump(exclude_none=True, exclude={"call_id"}))
        return document
    return fields


def _chosen(sources: Sources) -> Iterator[tuple[str, str, Any]]:
    """Yield for each known field: its name, the source that wins, and the value.

    Times and endings are taken together from one source where possible, since two clocks or two vocabularies
    mixed in one call would contradict each other.
    """
    if not _is_lost(sources):
        sources = _without_guesses(sources)
    sources = {name: {**said, "facts": _whole(_current(said))} for name, said in sources.items()}
    talk, line = _by_precedence(sources, _TALK), _by_precedence(sources, _LINE)
    names = {name for one in sources.values() for name in one["facts"]}
    for name in sorted(names - {*_OF_KEYS, *_TIMES, *_ENDING}):
        yield from _first(name, line if name in LINE_FIELDS else talk)
    for name in names & _OF_KEYS - {"cost"}:
        yield _joined(name, line if name in LINE_FIELDS else talk)
    yield from _together(_TIMES, talk)
    yield from _together(_ENDING, _known_endings_first(talk)[:1])
    yield from _cost(talk, line)


def _without_guesses(sources: Sources) -> Sources:
    """Return the sources without what the monitor guessed, except for the start if nobody else knows one."""
    others = {name: said for name, said in sources.items() if said["role"] != Role.MONITOR}
    if any("start_time" in said["facts"] for said in others.values()):
        return others
    return others | {
        name: {**said, "facts": {"start_time": said["facts"]["start_time"]}}
        for name, said in sources.items()
        if name not in others and "start_time" in said["facts"]
    }


def _current(said: Mapping[str, Any]) -> Document:
    """Return a source's facts without words for what it has since said otherwise."""
    facts, stamps = said["facts"], said.get("stamps", {})
    return {
        name: value
        for name, value in facts.items()
        if name not in _OWN_WORDS or stamps.get(_OWN_WORDS[name], 0) <= stamps.get(name, 0)
    }


def _by_precedence(sources: Sources, roles: Sequence[Role]) -> Ranked:
    """Return the sources by the precedence of their roles; equal roles by name, for a stable order."""
    ranks = {str(role): rank for rank, role in enumerate(roles)}
    return sorted(sources.items(), key=lambda item: (ranks[item[1]["role"]], item[0]))


def _joined(name: str, ranked: Ranked) -> tuple[str, str, Any]:
    """Return a field that several sources fill key by key.

    It is credited to the first source that has any key.
    """
    said = [(source, one["facts"][name]) for source, one in ranked if name in one["facts"]]
    joined: Document = {}
    for _, keys in reversed(said):
        joined |= keys
    if name == "compliance" and any(_is_out(keys) for _, keys in said):
        joined["opt_out"] = True
    return name, said[0][0], joined


def _first(name: str, ranked: Ranked) -> Iterator[tuple[str, str, Any]]:
    """Yield the field as the first source in order knows it, if any does."""
    for source, said in ranked:
        if name in said["facts"]:
            yield name, source, said["facts"][name]
            return


def _together(names: Sequence[str], ranked: Ranked) -> Iterator[tuple[str, str, Any]]:
    """Yield fields that belong together, preferring the source that has the leading one (``names[0]``)."""
    leading = names[0]
    for name in names:
        yield from _first(name, sorted(ranked, key=lambda item: leading not in item[1]["facts"]))


def _known_endings_first(ranked: Ranked) -> Ranked:
    """Put sources that can name the ending before those that report ``unknown`` or nothing."""
    order = {"unknown": 1, None: 2}
    return sorted(ranked, key=lambda item: order.get(item[1]["facts"].get("end_reason"), 0))


def _cost(talk: Ranked, line: Ranked) -> Iterator[tuple[str, str, Any]]:
    """Yield the cost, chosen part by part: the line's cost from the carrier, the rest from agent or platform.

    An amount without an exchange rate gives way to one in rupees from another source.
    """
    words: dict[str, Word] = {}
    told: list[str] = []
    for part in COST_PARTS:
        ranked = line if part == "telephony" else talk
        costs = [(source, said["facts"].get("cost", {})) for source, said in ranked]
        found = [(source, cost[part]) for source, cost in costs if part in cost]
        if found:
            source, words[part] = min(found, key=lambda one: rupees_in(one[1]) is None)
            told.append(source)
    if words:
        yield "cost", told[0], cost_of(words)
