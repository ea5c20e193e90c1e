"""Rules that are valid and would still notify nobody: what is wrong with them, in one line each."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from core.errors import UserError
from core.models.alerts import Severity
from core.models.rules import AlertRule

Takes = Mapping[str, Collection[Severity] | None]
"""Channels by name, with the severities each accepts; None accepts all."""


def missing_channels(rule: AlertRule, channels: Collection[str]) -> list[str]:
    """Return the channels a rule names that are not configured."""
    return [name for name in rule.channels if name not in channels]


def tells_everybody(rule: AlertRule, channels: Collection[str]) -> bool:
    """Return whether every channel is notified: the rule names none, or only ones that are not configured."""
    return not set(rule.channels) & set(channels)


def slips(rule: AlertRule, channels: Takes, rule_ids: Collection[str] | None = None) -> Iterator[str]:
    """Yield why a rule cannot do what its author meant; ``rule_ids`` are all that exist, None if unknown."""
    for name in missing_channels(rule, channels):
        yield f"rule {rule.id!r} names the channel {name!r}, which is not set up"
    for name in rule.escalate_to or ():
        if name not in channels:
            yield f"rule {rule.id!r} escalates to the channel {name!r}, which is not set up"
    for other in rule.inhibits:
        if rule_ids is not None and other not in rule_ids:
            yield f"rule {rule.id!r} inhibits {other!r}, which is no rule"
    yield from never_passed(rule)
    named = [channels[name] for name in rule.channels or channels if name in channels]
    if named and all(taken is not None and not set(taken) & set(rule.levels) for taken in named):
        yield f"rule {rule.id!r} has no level that any of its channels takes"


def never_passed(rule: AlertRule) -> Iterator[str]:
    """Yield the thresholds that no value can exceed."""
    if rule.baseline != "none":
        return
    low, high = _range(rule)
    for severity, level in rule.levels.items():
        bound = high if rule.operator == "above" else low
        beyond = bound is not None and (
            level.threshold >= bound if rule.operator == "above" else level.threshold <= bound
        )
        if beyond:
            yield (
                f"rule {rule.id!r}: levels: {severity}: nothing is ever {rule.operator} "
                f"{level.threshold:g}; choose another threshold"
            )


def in_circles(rules: Iterable[AlertRule]) -> frozenset[tuple[str, str]]:
    """Return the pairs of rules that inhibit each other, the second perhaps through others.

    If both were muted, nobody would be notified.
    """
    targets = {rule.id: {*rule.inhibits} - {rule.id} for rule in rules if rule.inhibits}
    return frozenset(
        (one, other)
        for one, others in targets.items()
        for other in others
        if one in _muted_by(other, targets)
    )


def _muted_by(rule_id: str, targets: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [rule_id]
    while waiting:
        new = {*targets.get(waiting.pop(), ())} - found
        found |= new
        waiting += new
    return found


def circle_slips(rules: Iterable[AlertRule]) -> Iterator[str]:
    """Yield which rules inhibit each other; between them nothing is muted."""
    for one, other in sorted(in_circles(rules)):
        yield f"rule {one!r} inhibits {other!r}, which inhibits it too: neither mutes the other"


def _range(rule: AlertRule) -> tuple[float, float | None]:
    return {"share": (0.0, 1.0), "score": (-1.0, 1.0)}.get(rule.measure.unit, (0.0, None))


def refuse_slips(rules: Iterable[AlertRule], channels: Takes, rule_ids: Collection[str]) -> None:
    """Refuse rules that would fire for nobody, before they are stored.

    Raises:
        UserError: one of them would; one line that names it and the mistake.
    """
    for rule in rules:
        if (slip := next(slips(rule, channels, rule_ids), None)) is not None:
            raise UserError(slip)
