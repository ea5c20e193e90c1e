"""The rules: a list, and an editor that previews how often a rule would have fired."""

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import pandas as pd
import streamlit as st

from core.access.audit import Action
from core.access.permissions import Permission
from core.alerting import wording
from core.alerting.channels.configured import nameable_channels
from core.alerting.preview import Preview
from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.rule_store import delete_rule, rules_in_force, save_rule
from core.alerting.rules.soundness import refuse_slips
from core.alerting.rules.toml_file import as_table, parse_rule
from core.alerting.wording import quantity
from core.clock import utc_now
from core.errors import TooMuchError, UserError
from core.models.alerts import Severity
from core.models.metrics import CallStatus, Direction
from core.models.rule_metrics import RULE_METRICS, Unit
from core.models.rules import LABELS, AlertRule, span
from core.settings import get_settings
from core.storage import get_sync_database
from dashboard import formats, placeholders, visitor
from dashboard.alerts import actions
from dashboard.panels.panel import page_table, table_behind
from dashboard.queries import alert_queries, cache, call_queries
from dashboard.theme import severity_badge

REPLAY_DAYS = (7, 30, 90)
MOST_FIRINGS = 20
NEW = "new rule"
_EDITED = "rule"
_DRAFTS = "rule_drafts"
_UNIT_WORDS: dict[Unit, str] = {
    "share": "%",
    "calls": "calls",
    "ms": "ms",
    "s": "s",
    "score": "-1 to 1",
    "min": "min",
    "times": "times",
    "rupees": "rupees",
}
_SPANS = ("0m", "5m", "10m", "15m", "30m", "1h", "2h", "6h", "1d", "7d")
_ANY = "any"
_TOGETHER = "\N{NO-BREAK SPACE}"
_BOXES = {
    *("id", "name", "enabled", "metric", "operator", "levels", "window", "for", "keep_firing_for"),
    *("min_samples", "guard", "direction", "language", "status", "campaign", "group_by"),
    *("channels", "escalate_to", "escalate_after", "repeat"),
}
"""The keys of a rule that have an input; the others are kept unchanged."""


def rules() -> None:
    """Show the rules in force, and the editor."""
    with placeholders.guarded(speak=True), placeholders.loading("rules", 600):
        answer = cache.ask("rules", alert_queries.rules)
        placeholders.stale(answer.stale_since)
        known = {rule.id: rule for rule in answer.value.rules}
        for reason in answer.value.refused:
            st.error(formats.plain(reason), icon=":material/error:")
        for line in answer.value.leaving:
            st.warning(formats.plain(line), icon=":material/hourglass:")
        with st.container(key="chart-rules"):
            page_table(_table(known))
            table_behind("rules", pd.DataFrame([rule.model_dump(mode="json") for rule in known.values()]))
        chosen = st.selectbox(
            "Rule to edit",
            [*known, NEW],
            key=_EDITED,
            bind="query-params",
            width=320,
            format_func=lambda rule_id: rule_id,
        )
        _editor(known.get(chosen or NEW))


def _table(known: Mapping[str, AlertRule]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Rule": f"**{formats.plain(rule.name)}**" + ("" if rule.enabled else " (disabled)"),
                "Fires when": formats.plain(condition(rule)),
                "Thresholds": " ".join(
                    f"{severity_badge(severity)} {_level(rule, level.threshold).replace(' ', _TOGETHER)}"
                    for severity, level in rule.levels.items()
                ),
                "Scope": formats.plain(", ".join(rule.filters.values()) or "all calls")
                + (f", per {', '.join(rule.group_by)}" if rule.group_by else ""),
                "ID": formats.plain(rule.id),
            }
            for rule in known.values()
        ]
    )


def condition(rule: AlertRule) -> str:
    """Return in words when a rule fires."""
    waits = f" for {span(rule.for_minutes)}" if rule.for_minutes else ""
    usual = " (in deviations from the usual for that hour)" if rule.baseline != "none" else ""
    return (
        f"{metric_words(rule.metric)} {rule.operator} its threshold{usual} over {span(rule.window_minutes)}"
        f"{waits}, with at least {rule.min_samples} {rule.measure.samples}"
    )


def metric_words(name: str) -> str:
    """Return what a rule measures, without the unit its thresholds show: ``LLM latency p95``."""
    return formats.words(re.sub("_(ms|seconds|rupees)$", "", name))


def _level(rule: AlertRule, threshold: float) -> str:
    if rule.baseline != "none":
        return f"{threshold:g} deviations"
    return quantity(_shown(rule, threshold), wording.unit(rule))


def _shown(rule: AlertRule, value: float) -> float:
    return round(value * 100, 6) if rule.measure.unit == "share" and rule.baseline == "none" else value


def _editor(rule: AlertRule | None) -> None:
    file = get_settings().alert_rules_file
    with st.container(border=True, key="rule-editor"):
        fields, preview = st.columns((1, 1), gap="large")
        with fields:
            table = _fields(rule)
            edited, problem = _parsed(table)
            if problem and rule is None and not (table["id"] and table["levels"]):
                st.caption("Give the new rule an ID and at least one threshold to preview it.")
            elif problem:
                st.error(formats.plain(problem), icon=":material/error:")
            _keep_draft(rule, table, edited)
            if file is not None:
                st.caption(
                    f"Rules are read from ALERT_RULES_FILE {formats.plain(str(file))}: edit them there."
                )
            elif visitor.may(Permission.CHANGE_RULES):
                _buttons(edited, rule)
        with preview:
            st.markdown("## Preview")
            if edited is not None:
                _preview(edited)
            else:
                st.caption("The preview appears once the rule is complete.")


def _keep_draft(rule: AlertRule | None, table: Mapping[str, Any], edited: AlertRule | None) -> None:
    """Remember and say that a rule has unsaved changes."""
    begun = bool(table["id"] or table["levels"]) if rule is None else edited != rule
    drafts: set[str] = st.session_state.setdefault(_DRAFTS, set())
    if not begun:
        drafts.discard(rule.id if rule else "")
        return
    drafts.add(rule.id if rule else "")
    st.caption(":material/edit: Unsaved changes. They stay here while you visit other pages.")


def keep_drafts() -> None:
    """Keep unsaved rules across visits to other pages: Streamlit forgets inputs that are not shown."""
    begun = tuple(f"edit-{rule_id}-" for rule_id in st.session_state.get(_DRAFTS, ()))
    for key in [str(key) for key in st.session_state]:
        if begun and key.startswith(begun):
            st.session_state[key] = st.session_state[key]


def _forget_draft(rule_id: str) -> None:
    st.session_state.get(_DRAFTS, set()).difference_update({rule_id, ""})
    for key in [str(key) for key in st.session_state]:
        if key.startswith((f"edit-{rule_id}-", "edit--")):
            del st.session_state[key]


def _fields(rule: AlertRule | None) -> dict[str, Any]:
    """Return the rule as entered, under its TOML keys."""
    key = f"edit-{rule.id if rule else ''}"
    like = rule or built_in_rules()[0]
    table: dict[str, Any] = {}
    left, right = st.columns(2)
    table["id"] = (
        rule.id if rule else left.text_input("ID", key=f"{key}-id", placeholder="slow_hindi", max_chars=64)
    )
    table["name"] = (
        right.text_input("Name", like.name if rule else "", key=f"{key}-name", max_chars=128) or table["id"]
    )
    if rule:
        left.text_input("ID", rule.id, disabled=True, key=f"{key}-id")
    metrics = list(RULE_METRICS)
    table["metric"] = left.selectbox(
        "Metric", metrics, metrics.index(like.metric), format_func=metric_words, key=f"{key}-metric"
    )
    table["operator"] = right.selectbox(
        "Alert when", ("above", "below"), 0 if like.operator == "above" else 1, key=f"{key}-operator"
    )
    table["levels"] = _levels(like, table["metric"], key, new=rule is None)
    spans = st.columns(3)
    for column, (name, words, minutes) in zip(
        spans,
        (
            ("window", "Over the last", like.window_minutes),
            ("for", "Pending for", like.for_minutes),
            ("keep_firing_for", "Resolve after", like.keep_firing_minutes),
        ),
        strict=True,
    ):
        options = list(dict.fromkeys([*_SPANS, span(minutes)]))
        options = options[1:] if name == "window" else options
        table[name] = column.selectbox(words, options, options.index(span(minutes)), key=f"{key}-{name}")
    table |= _scope(like, key)
    table |= _told(like, key)
    table["enabled"] = st.toggle("Enabled", like.enabled, key=f"{key}-enabled")
    return table | (
        {name: value for name, value in as_table(rule).items() if name not in _BOXES} if rule else {}
    )


def _levels(like: AlertRule, metric: str, key: str, *, new: bool) -> dict[str, Any]:
    unit = RULE_METRICS[metric].unit
    factor = 100.0 if unit == "share" and like.baseline == "none" else 1.0
    words = _UNIT_WORDS[unit] if like.baseline == "none" else "deviations"
    levels: dict[str, Any] = {}
    columns = st.columns(len(Severity))
    for column, severity in zip(columns, reversed(Severity), strict=True):
        level = like.levels.get(severity)
        same = metric == like.metric and not new
        value = round(level.threshold * factor, 6) if level and same else None
        given = column.number_input(
            f"{severity.capitalize()} at ({words})",
            value=value,
            format="%g",
            key=f"{key}-{metric}-{severity}",
        )
        if given is not None:
            clear = level.clear if level and same else None
            levels[severity] = {"threshold": given / factor} | ({"clear": clear} if clear is not None else {})
    return levels


def _scope(like: AlertRule, key: str) -> dict[str, Any]:
    """Return which calls the rule covers, and how many it needs."""
    table: dict[str, Any] = {}
    known: dict[str, list[str]] = {
        "direction": list(Direction),
        "status": list(CallStatus),
        "language": cache.ask("language", call_queries.languages).value,
        "campaign": cache.ask("campaign", call_queries.campaigns).value,
    }
    columns = st.columns(4)
    for column, (name, values) in zip(columns, known.items(), strict=True):
        now = getattr(like, name) or _ANY
        options = list(dict.fromkeys([_ANY, *map(str, values), str(now)]))
        given = column.selectbox(name.capitalize(), options, options.index(str(now)), key=f"{key}-{name}")
        if given != _ANY:
            table[name] = given
    left, right = st.columns(2)
    table["group_by"] = left.multiselect("One alert per", LABELS, list(like.group_by), key=f"{key}-group")
    measured = RULE_METRICS[st.session_state[f"{key}-metric"]]
    least = f"Minimum {measured.samples}"
    table["min_samples"] = right.number_input(least, 1, value=like.min_samples, key=f"{key}-min")
    if measured.unit == "share":
        sure = st.toggle(
            "Only if the 95 % interval lies beyond the threshold", like.guard == "wilson", key=f"{key}-guard"
        )
        table["guard"] = "wilson" if sure else "none"
    return table


def _told(like: AlertRule, key: str) -> dict[str, Any]:
    """Return who is notified, and who next if nobody acknowledges."""
    settings = get_settings()
    names = list(dict.fromkeys([*nameable_channels(settings), *like.channels, *(like.escalate_to or ())]))
    left, middle, within, reminded = st.columns((2, 2, 1, 1))
    table: dict[str, Any] = {
        "channels": left.multiselect(
            "Notify", names, list(like.channels), key=f"{key}-channels", placeholder="All channels"
        )
    }
    usual = ", ".join(settings.alert_escalate_to) or "No one"
    then = middle.multiselect(
        "Escalate to",
        names,
        list(like.escalate_to or ()),
        key=f"{key}-escalate-to",
        placeholder=usual,
    )
    # If left unchanged, the rule keeps following the settings.
    table |= {"escalate_to": then} if then or like.escalate_to is not None else {}
    for column, name, words, own, setting in (
        (
            within,
            "escalate_after",
            "After",
            like.escalate_after_minutes,
            settings.alert_escalate_after_minutes,
        ),
        (reminded, "repeat", "Remind every", like.repeat_minutes, settings.alert_repeat_minutes),
    ):
        now = span(own or setting)
        options = list(dict.fromkeys([*_SPANS[1:], now]))
        given = column.selectbox(words, options, options.index(now), key=f"{key}-{name.replace('_', '-')}")
        table |= {name: given} if own or given != now else {}
    return table


def _parsed(table: Mapping[str, Any]) -> tuple[AlertRule | None, str]:
    if not table["id"]:
        return None, "id: required, in lowercase letters, digits, - and _"
    if not table["levels"]:
        return None, "levels: set a threshold for at least one severity"
    try:
        return parse_rule(table), ""
    except UserError as error:
        return None, str(error)


def _buttons(edited: AlertRule | None, stored: AlertRule | None) -> None:
    actions.who("rule-who")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Save",
            type="primary",
            icon=":material/save:",
            disabled=edited is None or edited == stored,
            key="save-rule",
            on_click=_save,
            args=(edited,),
        )
        if stored is not None:
            built_in = stored.id in {rule.id for rule in built_in_rules()}
            st.button(
                "Restore the built-in rule" if built_in else "Delete",
                icon=":material/undo:" if built_in else ":material/delete:",
                disabled=built_in and stored in built_in_rules(get_settings().alert_profile),
                key="delete-rule",
                on_click=_delete,
                args=(stored.id,),
            )


def _save(rule: AlertRule) -> None:
    name = str(st.session_state.get("rule-who") or "").strip()

    def save(by: str) -> None:
        if not by:
            raise UserError("Enter your name: the rule records who changed it")
        if name:
            st.session_state[actions.WHO] = name
        known = {known.id for known in rules_in_force(get_sync_database()).rules} | {rule.id}
        refuse_slips([rule], nameable_channels(get_settings()), known)
        save_rule(get_sync_database(), rule, by)
        _forget_draft(rule.id)

    said = f"{rule.name} saved; it takes effect at the next check"
    actions.attempt(Permission.CHANGE_RULES, save, said, Action.RULE_CHANGED, rule.id, name)


def _delete(rule_id: str) -> None:
    def delete(_by: str) -> None:
        delete_rule(get_sync_database(), rule_id)
        _forget_draft(rule_id)

    built_in = rule_id in {rule.id for rule in built_in_rules()}
    said = f"{rule_id} is the built-in rule again" if built_in else f"{rule_id} deleted"
    actions.attempt(Permission.CHANGE_RULES, delete, said, Action.RULE_DELETED, rule_id)


def _preview(rule: AlertRule) -> None:
    days = st.segmented_control(
        "Replay",
        REPLAY_DAYS,
        default=REPLAY_DAYS[0],
        required=True,
        format_func=lambda days: f"Last {days} days",
        key="replay-days",
    )
    try:
        with st.spinner(f"Replaying the last {days} days"):
            found = cache.ask(("preview", rule, days), alert_queries.preview_rule, rule, days).value
    except TooMuchError as error:
        st.caption(f"No preview: {formats.plain(str(error))}")
        return
    st.markdown(said(found, utc_now(), days))
    if not found.firings:
        return
    zone, at = get_settings().tz, utc_now()
    rows = [
        {
            "Started": formats.clock(firing.start, zone, at),
            "Duration": formats.lasted((firing.end or at) - firing.start)
            + ("" if firing.end else ", still firing"),
            "Severity": severity_badge(firing.severity),
            "Message": formats.plain(firing.message),
        }
        for firing in found.firings[-MOST_FIRINGS:][::-1]
    ]
    with st.container(key="firings"):
        page_table(pd.DataFrame(rows))
    table_behind("firings", pd.DataFrame([vars(firing) for firing in found.firings]))
    if len(found.firings) > MOST_FIRINGS:
        st.caption(f"Newest {MOST_FIRINGS} of {len(found.firings)}")


def said(found: Preview, at: datetime, days: int) -> str:
    """Return a preview as a sentence."""
    zone, n = get_settings().tz, len(found.firings)
    checks = f"{found.checks:,} checks"
    if not n:
        return f"Over the last {days} days this rule would not have fired ({checks})."
    starts = [firing.start for firing in found.firings[:5]]
    when = [formats.clock(starts[0], zone, at)]
    when += [formats.until(late, early, zone, at) for early, late in pairwise(starts)]
    listed = f"{', '.join(when)} …" if n > len(when) else formats.enumerated(when)
    times = "once" if n == 1 else f"**{n} times**"
    return f"Over the last {days} days this rule would have fired {times}, at {listed} ({checks})."
