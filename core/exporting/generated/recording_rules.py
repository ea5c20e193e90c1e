"""Prometheus recording rules for the rates and percentiles of the definitions, as YAML."""

from core.exporting.catalogue import HISTOGRAMS
from core.exporting.generated import promql
from core.models.definitions import RATES

_HEAD = """# Written by `make integrations`: rates and percentiles of the last 15 minutes.
groups:
  - name: voice-agent
    rules:
"""


def recording_rules() -> str:
    """Return the file of rules."""
    rules = {"calls": f"sum by (direction) (rate({promql.counter('total_calls')}[{promql.WINDOW}]))"}
    rules |= {key: promql.share(rate) for key, rate in RATES.items()}
    rules |= {f"{one.name}_p95": promql.quantile(one, 0.95) for one in HISTOGRAMS}
    return _HEAD + "".join(
        f"      - record: voice_agent:{name}:{'rate' if name == 'calls' else ''}{promql.WINDOW}\n"
        f"        expr: {question}\n"
        for name, question in rules.items()
    )
