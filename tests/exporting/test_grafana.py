"""The dashboards for Grafana ask what Prometheus and the API can answer, and show every metric."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from core.clock import local_today
from core.exporting.catalogue import COUNTERS, HISTOGRAMS, PREFIX
from core.exporting.gauges import BUILD, GAUGES
from core.exporting.generated.grafana_panels import WIDTH
from core.exporting.generated.grafana_prometheus import grafana_prometheus
from core.exporting.generated.grafana_rest import DAYS_PANEL, grafana_rest
from core.models.alerts import Alert
from core.models.definitions import METRICS
from core.storage.calls import write_calls
from core.types import Document
from tests.api.conftest import from_this_machine
from tests.api.test_routes import call
from tests.exporting.test_integrations import promtool

HIDDEN = {"calls_with_interruptions", "calls_with_cost", "positive_calls", "negative_calls", "turns"}
"""Counters of what is not shown by itself."""


def targets(dashboard: Document) -> Iterator[tuple[str, Document]]:
    """Each question of a dashboard and the title of its panel."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target


def test_prometheus_understands_every_question(tmp_path: Path) -> None:
    """As rules, with the variables filled in as Grafana does."""
    questions = [target["expr"] for _, target in targets(grafana_prometheus())]
    for variable, value in (("$language", "hindi|english"), ("$window", "1h"), ("$__range", "24h")):
        questions = [question.replace(variable, value) for question in questions]
    rules = [{"record": f"q{number}", "expr": question} for number, question in enumerate(questions)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_is_on_the_dashboard_by_its_right_name() -> None:
    """None is missing, none is asked for that is not exported."""
    text = " ".join(target["expr"] for _, target in targets(grafana_prometheus()))
    asked = set(re.findall(rf"{PREFIX}(\w+)", text))
    there = {f"{one.name}_total" for one in COUNTERS} | {f"{one.name}_bucket" for one in HISTOGRAMS}
    there |= {gauge.name for gauge in GAUGES}
    assert asked <= there
    assert there - asked == {BUILD.name, *(f"{name}_total" for name in HIDDEN)}


@pytest.mark.parametrize("dashboard", [grafana_prometheus(), grafana_rest()], ids=["prometheus", "rest"])
def test_panels_have_places_of_their_own(dashboard: Document) -> None:
    """Ids are distinct, and no panel lies on another or beside the grid."""
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & taken, panel["title"]
        assert at["x"] + at["w"] <= WIDTH
        taken |= own


def value_at(row: Any, selector: str) -> object:
    """What a selector finds; fails where there is no such field."""
    for name in selector.split("."):
        row = row[name]
    return row


def test_the_api_answers_what_the_dashboard_asks(database: Database[Document]) -> None:
    """Each address is a good request, and each column is a field of the answer."""
    now = datetime.now(UTC)
    write_calls(database, [call(n, now - timedelta(minutes=5), e2e_latency_ms=900) for n in range(3)])
    client, day, asked = from_this_machine(), local_today().isoformat(), 0
    for title, target in targets(grafana_rest()):
        if "url" not in target:
            assert target["panelId"] == DAYS_PANEL
            continue
        answer = client.get(re.sub(r"\$\{__(from|to):date:YYYY-MM-DD\}", day, target["url"]))
        assert answer.status_code == 200, title
        rows = answer.json()[target["root_selector"]]
        if target["root_selector"] == "alerts":
            rows = [Alert.model_fields]  # none fires here
        for column in target["columns"]:
            value_at(rows[0], column["selector"])
        asked += 1
    assert asked == 3


def test_each_figure_of_a_day_has_a_panel() -> None:
    """The panels show columns that the first one has asked for."""
    (first,) = (panel for panel in grafana_rest()["panels"] if panel["id"] == DAYS_PANEL)
    columns = {column["text"] for target in first["targets"] for column in target["columns"]}
    shown = set()
    for panel in grafana_rest()["panels"]:
        for step in panel.get("transformations", ()):
            names = step["options"]["include"]["names"]
            assert set(names) <= columns
            shown.update(names)
    assert shown == columns
    labels = {metric.label for metric in METRICS.values()}
    assert {label for label in labels if not any(name.startswith(label) for name in columns)} == set()
