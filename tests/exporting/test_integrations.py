"""The files in docs/integrations are as the definitions have them, and good for the programs they are for."""

import json
import subprocess
from pathlib import Path

import pytest

from core.exporting.generated.files import generated
from tests.oracles import program

INTEGRATIONS = Path(__file__).resolve().parents[2] / "docs" / "integrations"
PROMETHEUS = INTEGRATIONS / "prometheus"
COUNTS = {"completed": "0+80x60", "failed": "0+20x60"}
"""Calls a minute by status, over an hour: one of five fails."""


@pytest.mark.parametrize("name", generated())
def test_a_generated_file_is_as_the_definitions_have_it(name: str) -> None:
    """A metric that is added or renamed is in rules and dashboards too: make integrations."""
    assert (INTEGRATIONS / name).read_text() == generated()[name]


def copied(folder: Path) -> Path:
    """Prometheus's configuration with its rules, in a folder of the test's own, without a key's file."""
    for file in PROMETHEUS.glob("*.yml"):
        text = file.read_text().replace("/etc/prometheus/voice-agent.key", str(folder / "key"))
        (folder / file.name).write_text(text)
    (folder / "key").write_text("k" * 32)
    return folder / "prometheus.yml"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(program("promtool")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_prometheus_takes_configuration_and_rules(tmp_path: Path) -> None:
    """Promtool checks the file, and the rules that it names."""
    done = promtool("check", "config", copied(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == 2


def test_the_alert_rules_fire_when_they_should(tmp_path: Path) -> None:
    """A fifth of the calls fails, latencies are fine, the scheduler is silent: as Prometheus evaluates it."""
    copied(tmp_path)
    series = [
        {"series": f'voice_agent_calls_total{{direction="outbound",status="{status}"}}', "values": values}
        for status, values in COUNTS.items()
    ]
    series += [
        {"series": f'voice_agent_asr_latency_seconds_bucket{{le="{bound}"}}', "values": "0+100x60"}
        for bound in ("0.5", "2.0", "+Inf")
    ]
    series += [
        {"series": "voice_agent_scheduler_last_check_timestamp_seconds", "values": "0x60"},
        {"series": "voice_agent_rollup_lag_seconds", "values": "30x60"},
        {"series": 'up{job="voice-agent"}', "values": "1x60"},
    ]
    named = {
        "voice_agent:failure_rate:15m": 0.2,
        "voice_agent:error_rate:15m": 0,
        "voice_agent:asr_latency_seconds_p95:15m": 0.475,
    }
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": f'round({{__name__="{name}"}}, 0.001)',
                "eval_time": "40m",
                "exp_samples": [{"labels": "{}", "value": value}],
            }
            for name, value in named.items()
        ],
        "alert_rule_test": [
            {"alertname": name, "eval_time": "40m", "exp_alerts": fires}
            for name, fires in (
                ("VoiceAgentCallFailureRate", [_fires("critical", "20% of the calls of 15 minutes failed")]),
                ("VoiceAgentErrorRate", []),
                ("VoiceAgentSpeechLatency", []),
                ("VoiceAgentRollupsBehind", []),
                ("VoiceAgentMetricsAbsent", []),
                (
                    "VoiceAgentSchedulerSilent",
                    [
                        _fires(
                            "critical",
                            "The scheduler has not checked the alert rules for 15 minutes",
                            description="No alert is sent and no counter advances until it runs again.",
                        )
                    ],
                ),
            )
        ],
    }
    rules = ["recording.rules.yml", "alerts.rules.yml"]
    (tmp_path / "test.yml").write_text(
        json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": [test]})
    )
    done = promtool("test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def _fires(severity: str, summary: str, **annotations: str) -> dict[str, object]:
    return {"exp_labels": {"severity": severity}, "exp_annotations": {"summary": summary, **annotations}}
