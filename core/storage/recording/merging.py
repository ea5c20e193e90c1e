"""One call from what several sources say of it, whatever the order in which they say it.

A stored call that more than its agent reported has ``sources``: for each source its role and, field by
field, its latest word with the stamp of the report that said it. The call's own fields follow from these by
RULES alone, so that the same reports end in the same call, however often and in whichever order they come.

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
"""What the carrier knows best; of all else the agent does, then the platform."""
_TIMES = ("start_time", "end_time", "duration_seconds")
_ENDING = ("end_reason", "end_reason_raw", "fault")
_LOOSE_TIMES: tuple[tuple[str, ...], ...] = (
    (),
    ("duration_seconds",),
    ("duration_seconds", "answered_at"),
    ("duration_seconds", "answered_at", "end_time"),
)
"""What is given up, one after the other, where sources measured by clocks that disagree."""
_OF_KEYS = frozenset({"cost", "metadata", "telephony", "links", "compliance"})
"""Fields of which a source may say one key now and another later: each has a stamp of its own."""
_OPT_OUT = "compliance/opt_out"
_STAGE_STAMP = 10**16
"""Above any moment in microseconds since 1970 that a call can have."""
_NO_FACTS = frozenset({"_id", "recorded_at", "schema_version", "version", "state", "unjoined"})
Sources = dict[str, Document]
Ranked = list[tuple[str, Document]]
"""Sources with what they said, whose word counts first."""


def document_of(report: CallReport) -> Document:
    """Return a report as the document of a call that nothing else is known of."""
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
    """Return the document of a call from two documents of it, in either order; the storing's fields are left.

    A document without ``sources`` is the agent's own; of two of those the later version counts.
    """
    ours, theirs = sources_of(new), sources_of(stored)
    sources = {name: _latest(theirs.get(name), ours.get(name)) for name in sorted(ours | theirs)}
    document = resolve(stored["_id"], sources)
    return document | ({"unjoined": True} if stored.get("unjoined") and new.get("unjoined") else {})


def stamped(call: Document, *parts: Mapping[str, Any]) -> Document:
    """Return a merged call as it takes the place of the stored documents that it is made of.

    Its version is above theirs, so that whoever read one of them too has to read again; it is recorded now,
    so that the next refresh reads it and takes it out of the archive.
    """
    version = max(map(version_in, parts)) + 1
    return call | {"version": version, "recorded_at": SERVER_TIME, "schema_version": SCHEMA_VERSION}


def is_merged(document: Mapping[str, Any]) -> bool:
    """Whether more than the agent's own record is in a stored call."""
    return "sources" in document


def agent_version(document: Mapping[str, Any]) -> int:
    """Return the version of the agent's own record within a stored call; 0 where there is none yet."""
    if not is_merged(document):
        return version_in(document)
    return int(document["sources"].get(AGENT, {}).get("version", 0))


def given_by(document: Mapping[str, Any]) -> dict[str, str]:
    """Return for each field of a stored call the source that gave it; nothing where the agent gave all."""
    if not is_merged(document):
        return {}
    sources = sources_of(document)
    named = {name: source for name, source, _ in _chosen(sources)}
    return {name: named[name] for name in document if name in named}


def sources_of(document: Mapping[str, Any]) -> Sources:
    """Return the sources of a stored call, of an agent's own record too."""
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
    """Whether a field of a whole record says something; its defaults are not held against who knows more."""
    if value is None or value is False or (isinstance(value, list | dict) and not value):
        return False
    return (name, value) != ("language", "unknown")


def _latest(one: Document | None, other: Document | None) -> Document:
    """Join what a source said: of a whole record the later version, of reports each field's latest word."""
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
    """Which of two words of a source counts: the later one, but that a lead opted out is never taken back.

    Of two words of one report the fuller counts: the amount whose rate became known.
    """
    fullness = len(value) if isinstance(value, Mapping) else 0
    return name == _OPT_OUT and value is True, stamp, fullness, _canonical(value)


def opts_out(call: Mapping[str, Any]) -> bool:
    """Whether a stored call, or what a source says of one, says that the lead wants no more calls."""
    return _is_out(call.get("compliance"))


def staying_out(call: Mapping[str, Any]) -> Document:
    """Return the same call of a lead that wants no more calls."""
    return {**call, "compliance": {**(call.get("compliance") or {}), "opt_out": True}}


def _is_out(compliance: object) -> bool:
    return isinstance(compliance, Mapping) and compliance.get("opt_out") is True


def _by_key(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The facts, those of _OF_KEYS as ``field/key``."""
    for name, value in facts.items():
        if name in _OF_KEYS:
            items = words_of(value) if name == "cost" else value.items()
            yield from ((f"{name}/{key}", item) for key, item in items)
        else:
            yield name, value


def _whole(facts: Mapping[str, Any]) -> Document:
    """The reverse of :func:`_by_key`, but the cost is left in words, also that of what is whole already."""
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
    """As the database gives it back: moments to the millisecond."""
    if isinstance(value, dict):
        return {key: _as_stored(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000)
    return [_as_stored(item) for item in value] if isinstance(value, list) else value


def _canonical(value: object) -> bytes:
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def resolve(call_id: str, sources: Sources) -> Document:
    """Return the call that the sources make up, with its ``state``.

    ``open``: nobody said yet when it began, or how it ended. It has no ``start_time``, and counts nowhere.
    ``lost``: nobody but the monitor said how it ended. ``ended``: it has, and more may come. ``final``: a
    source that knows the whole call has nothing more to say.
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
    # A carrier's last word is of the line, not of what was said on it.
    whole = [one for one in speaking if one.get("final") and one["role"] != Role.CARRIER]
    alone = all(one["role"] == Role.CARRIER for one in speaking) and all(one.get("final") for one in speaking)
    return "final" if whole or alone else "ended"


def _is_lost(sources: Sources) -> bool:
    """Whether nobody but the monitor says how the call ended."""
    return not any("status" in one["facts"] for one in sources.values() if one["role"] != Role.MONITOR)


def _coherent(call_id: str, fields: Document) -> Document:
    """Return the fields as the model of a call has them; times that contradict each other are left out."""
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
    """For each field that any source knows: its name, the source whose word counts, and the value."""
    if not _is_lost(sources):
        # What the monitor assumed for want of anything better.
        sources = {name: said for name, said in sources.items() if said["role"] != Role.MONITOR}
    sources = {name: {**said, "facts": _whole(said["facts"])} for name, said in sources.items()}
    talk, line = _by_precedence(sources, _TALK), _by_precedence(sources, _LINE)
    names = {name for one in sources.values() for name in one["facts"]}
    for name in sorted(names - {*_OF_KEYS, *_TIMES, *_ENDING}):
        yield from _first(name, line if name in LINE_FIELDS else talk)
    for name in names & _OF_KEYS - {"cost"}:
        yield _joined(name, line if name in LINE_FIELDS else talk)
    yield from _together(_TIMES, talk)
    yield from _together(_ENDING, _known_endings_first(talk)[:1])
    yield from _cost(talk, line)


def _by_precedence(sources: Sources, roles: Sequence[Role]) -> Ranked:
    ranks = {str(role): rank for rank, role in enumerate(roles)}
    return sorted(sources.items(), key=lambda item: (ranks[item[1]["role"]], item[0]))


def _joined(name: str, ranked: Ranked) -> tuple[str, str, Any]:
    """A field that several sources may fill key by key; it counts as given by the first that has any."""
    said = [(source, one["facts"][name]) for source, one in ranked if name in one["facts"]]
    joined: Document = {}
    for _, keys in reversed(said):
        joined |= keys
    if name == "compliance" and any(_is_out(keys) for _, keys in said):
        joined["opt_out"] = True
    return name, said[0][0], joined


def _first(name: str, ranked: Ranked) -> Iterator[tuple[str, str, Any]]:
    for source, said in ranked:
        if name in said["facts"]:
            yield name, source, said["facts"][name]
            return


def _together(names: Sequence[str], ranked: Ranked) -> Iterator[tuple[str, str, Any]]:
    """Fields that make sense together: of the first source with the leading one, then of others."""
    leading = names[0]
    for name in names:
        yield from _first(name, sorted(ranked, key=lambda item: leading not in item[1]["facts"]))


def _known_endings_first(ranked: Ranked) -> Ranked:
    """A source that could not name the ending gives way to one that can."""
    order = {"unknown": 1, None: 2}
    return sorted(ranked, key=lambda item: order.get(item[1]["facts"].get("end_reason"), 0))


def _cost(talk: Ranked, line: Ranked) -> Iterator[tuple[str, str, Any]]:
    """The cost part by part: what the line cost is the carrier's word, all else the agent's or platform's.

    An amount without a rate gives way to rupees that another source knows.
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
