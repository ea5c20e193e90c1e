"""The results of benchmarks on docs/performance.md: ours, the rival's, the goal, and whether it is met."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, ONLY_IF_NAMED
from benchmarks.report import PAGE, with_results
from benchmarks.setup import results
from benchmarks.setup.goals import FIGURES, Figure
from benchmarks.setup.results import Results, load, note

MARKS = "# Performance\n\n<!-- results -->\n<!-- end of results -->\n"
DAY = date(2026, 11, 30)


def row(text: str, meaning: str) -> list[str]:
    """The cells of the first row of a figure."""
    (line,) = re.findall(rf"^\| {re.escape(meaning)} \|.*$", text, re.MULTILINE)[:1]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(autouse=True)
def nothing_reported() -> None:
    results._measured.clear()


def test_every_benchmark_has_figures_and_a_duration() -> None:
    assert BENCHMARKS.keys() == FIGURES.keys()
    assert all(figures and BENCHMARKS[name] for name, figures in FIGURES.items())


def test_a_run_stands_on_the_page_with_its_verdict(tmp_path: Path) -> None:
    """Ratio, goal, met or not, machine and day; what was not measured says so."""
    note("masking", "clean", 8.04, 4.02)
    note("masking", "personal", 30, 10)
    note("alert_check", "check", 60, 50)
    note("alert_check", "replay", 7)
    found = Results().with_run("masking", 0.5, "2 x Fast, Python 3.11", DAY)
    found.with_run("alert_check", 4, "2 x Fast, Python 3.11", DAY).save(tmp_path / "results.json")

    text = with_results(MARKS, load(tmp_path / "results.json"))

    missing = f"{len(FIGURES) - 2} of {len(FIGURES)} benchmarks"
    assert f"Measured on 2026-11-30: 2 x Fast, Python 3.11. {missing}" in text
    assert row(text, "Masking a text without personal data, median") == [
        "Masking a text without personal data, median",
        "8.04 µs",
        "4.02 µs: one naive pattern",
        "2.00 x",
        "at most 5 µs or at most 1.5 x",
        "**no**",
    ]
    assert row(text, "A check of 20 rules with 1,000,000 calls")[3:] == ["1.20 x", "at most 1.3 x", "yes"]
    assert row(text, "Masking a text with personal data, median")[3:] == ["3.00 x", "", ""]
    assert row(text, "A Prometheus scrape with 1,000,000 calls")[1] == "not measured"


def test_one_of_several_goals_is_enough() -> None:
    goal = Figure("", "µs", "a rival", ratio_at_most=1.5, at_most=5)
    assert [goal.is_met(ours, 4.0) for ours in (4.9, 5.9, 6.1)] == [True, True, False]
    assert Figure("", "calls/s", "a rival", ratio_at_least=7).is_met(6.9, 1.0) is False
    assert Figure("", "ms").is_met(3.0, None) is None


def test_figures_of_two_machines_are_not_mixed() -> None:
    note("log_flood", "memory", 20)
    first = Results().with_run("log_flood", 1, "one machine", DAY)
    note("explore", "queries", 300, 250)
    assert first.with_run("explore", 5, "another machine", DAY).runs.keys() == {"explore"}


def test_a_benchmark_that_forgets_a_figure_is_not_kept() -> None:
    note("masking", "clean", 4, 4)
    with pytest.raises(ValueError, match="masking did not report personal"):
        Results().with_run("masking", 1, "a machine", DAY)
    with pytest.raises(KeyError):
        note("masking", "unheard of", 1)


def test_the_page_has_what_was_measured_and_nothing_else() -> None:
    """``python -m benchmarks.report`` would change nothing."""
    text = PAGE.read_text()
    assert with_results(text, load(results.FILE)) == text
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == BENCHMARKS.keys()


def test_help_lists_every_benchmark_with_its_duration() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        cwd=PAGE.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = re.findall(r"^  (\w+) +about (\d+) min$", done.stdout, re.MULTILINE)
    assert dict(listed) == {name: str(minutes) for name, minutes in (BENCHMARKS | ONLY_IF_NAMED).items()}
