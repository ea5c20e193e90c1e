"""``python -m benchmarks.report``: write the results of the benchmarks into docs/performance.md."""

import re
from pathlib import Path

from benchmarks.setup.goals import FIGURES, Figure
from benchmarks.setup.results import FILE, Measured, Results, load

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"
HEAD = "| figure | ours | rival | ratio | goal | met |\n|---|---|---|---|---|---|\n"
_PART = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)
_MET = {True: "yes", False: "**no**", None: ""}


def with_results(text: str, results: Results) -> str:
    """Return the page with the results between its two marks.

    Raises:
        ValueError: the page does not have the marks.
    """
    if _PART.search(text) is None:
        raise ValueError("no marks for the results")
    rows = "".join(
        _row(figure, results.runs[benchmark].figures.get(name) if benchmark in results.runs else None)
        for benchmark, figures in FIGURES.items()
        for name, figure in figures.items()
    )
    return _PART.sub(lambda _: f"{BEGIN}{_about(results)}\n\n{HEAD}{rows}{END}", text)


def _about(results: Results) -> str:
    if not results.runs:
        return "Not measured yet."
    days = sorted(run.day for run in results.runs.values())
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    missing = len(FIGURES) - len(results.runs)
    rest = f" {missing} of {len(FIGURES)} benchmarks have not been measured there yet." if missing else ""
    return f"Measured on {when}: {results.machine}.{rest}"


def _row(figure: Figure, measured: Measured | None) -> str:
    ours, rival = measured or (None, None)
    cells = (
        figure.meaning,
        "not measured" if ours is None else _amount(ours, figure.unit),
        f"{_amount(rival, figure.unit)}: {figure.rival}" if rival is not None else figure.rival,
        f"{_number(ours / rival)} x" if ours is not None and rival else "",
        figure.goal(),
        "" if ours is None else _MET[figure.is_met(ours, rival)],
    )
    return f"| {' | '.join(cells)} |\n"


def _amount(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """Return a number with about three digits."""
    digits = next((digits for least, digits in ((100, 0), (10, 1), (0.1, 2)) if value >= least), 3)
    return f"{value:,.{digits}f}"


if __name__ == "__main__":
    PAGE.write_text(with_results(PAGE.read_text(encoding="utf-8"), load(FILE)), encoding="utf-8")
