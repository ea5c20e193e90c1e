"""Targets of key figures: a list, and a form to set one."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.access.audit import Action
from core.access.permissions import Permission
from core.alerting.rules.target_store import delete_target, save_target
from core.alerting.rules.targets import Target, Targets, keys, parse_target, words
from core.errors import UserError
from core.models.alerts import Severity
from core.models.definitions import METRICS, Unit
from core.settings import get_settings
from core.storage import get_sync_database
from dashboard import formats, placeholders, visitor
from dashboard.alerts import actions
from dashboard.panels import boards
from dashboard.panels.panel import page_table
from dashboard.queries import alert_queries, cache
from dashboard.theme import severity_badge

SHOWN_ONLY = "no alert"
_FACTORS: dict[Unit, float] = {"share": 100.0}
_UNIT_WORDS: dict[Unit, str] = {
    "share": "%",
    "ms": "ms",
    "s": "seconds",
    "rupees": "rupees",
    "score": "-1 to 1",
}


def targets() -> None:
    """Show the targets in force, and a form to set one."""
    with placeholders.guarded(speak=False):
        answer = cache.ask("targets", alert_queries.targets).value
        with st.container(key="chart-targets", border=True):
            st.markdown("## Targets")
            if answer.targets:
                page_table(_table(answer.targets))
            else:
                st.caption("No targets yet. Tiles, charts and reports show those that are set here.")
            if (path := get_settings().kpi_targets_file) is not None:
                st.caption(
                    f"Targets are read from KPI_TARGETS_FILE {formats.plain(str(path))}: edit them there."
                )
            elif visitor.may(Permission.CHANGE_RULES):
                _form(answer.targets)


def _table(known: Targets) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Figure": f"**{formats.plain(words(key))}**",
                "Target": f"at {'least' if target.least else 'most'} "
                + formats.plain(formats.number(target.target, METRICS[target.metric].unit)),
                "Alert": severity_badge(target.alert) if target.alert else formats.NONE,
            }
            for key, target in known.items()
        ]
    )


def _form(known: Targets) -> None:
    figure, value, alert = st.columns((2, 1, 1))
    key = figure.selectbox("Figure", keys(), key="target-figure", format_func=words)
    now = known.get(key)
    unit = METRICS[key.partition(".")[0]].unit
    factor = _FACTORS.get(unit, 1.0)
    given = value.number_input(
        f"Target ({_UNIT_WORDS[unit]})",
        value=round(now.target * factor, 6) if now else None,
        format="%g",
        key=f"target-value-{key}",
    )
    severities = [SHOWN_ONLY, *map(str, Severity)]
    severity = alert.selectbox(
        "If missed",
        severities,
        severities.index(str(now.alert)) if now and now.alert else 0,
        key=f"target-alert-{key}",
    )
    actions.who("target-who")
    edited, problem = _parsed(key, None if given is None else given / factor, severity)
    if problem:
        st.error(formats.plain(problem), icon=":material/error:")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Save target",
            type="primary",
            icon=":material/flag:",
            disabled=edited is None or edited == now,
            key="save-target",
            on_click=_save,
            args=(edited,),
        )
        if now is not None:
            st.button("Remove", icon=":material/delete:", key="remove-target", on_click=_remove, args=(key,))


def _parsed(key: str, value: float | None, severity: str) -> tuple[Target | None, str]:
    if value is None:
        return None, ""
    metric, _, part = key.partition(".")
    table = {"target": value} | ({} if severity == SHOWN_ONLY else {"alert": severity})
    try:
        return parse_target(metric, part, table), ""
    except UserError as error:
        return None, str(error)


def _save(target: Target) -> None:
    _change(
        lambda by: save_target(get_sync_database(), target, by),
        f"Target for {words(target.key)} saved",
        Action.RULE_CHANGED,
        target.key,
    )


def _remove(key: str) -> None:
    _change(
        lambda by: delete_target(get_sync_database(), key, by),
        f"Target for {words(key)} removed",
        Action.RULE_DELETED,
        key,
    )


def _change(act: Callable[[str], None], said: str, action: Action, key: str) -> None:
    name = str(st.session_state.get("target-who") or "").strip()

    def change(by: str) -> None:
        if not by:
            raise UserError("Enter your name: the target records who changed it")
        if name:
            st.session_state[actions.WHO] = name
        act(by)
        boards.forget()

    actions.attempt(Permission.CHANGE_RULES, change, said, action, f"target {key}", name)
