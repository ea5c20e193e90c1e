"""Figures and codes as people read them."""

import csv
import io

import pandas as pd
import pytest

from core.models.rule_metrics import RULE_METRICS
from dashboard import formats
from dashboard.alerts.rule_editor import metric_words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("agent_goodbye", "Agent goodbye"),
        ("llm_timeout", "LLM timeout"),
        ("llm_5xx", "LLM 5xx"),
        ("hung_up", "Hung up"),
        ("", ""),
    ],
)
def test_a_stored_code_is_shown_in_words(code: str, words: str) -> None:
    """Nobody but a programmer reads underscores."""
    assert formats.words(code) == words


def test_what_rules_measure_is_shown_in_words_that_tell_them_apart() -> None:
    """The unit stands beside the level; no two metrics have the same words."""
    words = [metric_words(name) for name in RULE_METRICS]
    assert {"LLM latency p95", "Call failure rate", "Cost per call", "E2E latency p99"} <= set(words)
    assert len(set(words)) == len(words)
    assert not any("_" in text for text in words)


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "\r", "a\nb", 'a"b', "a,b"])
def test_no_text_breaks_a_row_of_a_csv(text: str) -> None:
    """However its lines end."""
    written = formats.to_csv(pd.DataFrame([{"call": text, "n": 1}, {"call": "next", "n": 2}]))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [row[1] for row in rows] == ["n", "1", "2"]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "@SUM(A1)", "+91 sales", "-2+3", "\tx"])
def test_no_name_is_a_formula_in_a_csv_as_heading_or_in_a_cell(name: str) -> None:
    """Campaigns and versions are columns of what Analytics and Compare let people download."""
    written = formats.to_csv(pd.DataFrame({"From": [name], name: [1]}))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["From", f"'{name}"], [f"'{name}", "1"]]
