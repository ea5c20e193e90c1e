"""Files for other systems, generated from the definitions of metrics."""

import json

from core.exporting.generated.grafana_prometheus import grafana_prometheus
from core.exporting.generated.grafana_rest import grafana_rest
from core.exporting.generated.recording_rules import recording_rules


def generated() -> dict[str, str]:
    """Return each file below docs/integrations, and its text."""
    dashboards = {"prometheus": grafana_prometheus(), "rest": grafana_rest()}
    return {"prometheus/recording.rules.yml": recording_rules()} | {
        f"grafana/{name}.json": json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in dashboards.items()
    }
