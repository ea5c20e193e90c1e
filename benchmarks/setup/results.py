"""The measured figures: reported by benchmarks, kept in a file with machine and date."""

import json
import os
import platform
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from benchmarks.setup.goals import FIGURES

FILE = Path(__file__).resolve().parents[1] / "results.json"
Measured = tuple[float, float | None]
"""Ours, and the rival's if there is one."""
_measured: defaultdict[str, dict[str, Measured]] = defaultdict(dict)


def note(benchmark: str, figure: str, ours: float, rival: float | None = None) -> None:
    """Report a figure of a benchmark, in the unit of ``goals.FIGURES``.

    Raises:
        KeyError: the figure is not in ``goals.FIGURES``.
    """
    _ = FIGURES[benchmark][figure]
    _measured[benchmark][figure] = (ours, rival)


@dataclass(frozen=True)
class Run:
    """One run of a benchmark: its day, how many minutes it took, and its figures."""

    day: str
    minutes: float
    figures: dict[str, Measured]


@dataclass(frozen=True)
class Results:
    """The latest run of each benchmark on one machine."""

    machine: str = ""
    runs: dict[str, Run] = field(default_factory=dict)

    def with_run(self, benchmark: str, minutes: float, machine: str, day: date) -> "Results":
        """Return the results with the figures that a benchmark just reported.

        Runs of another machine are dropped, because figures of two machines do not compare.

        Raises:
            ValueError: the benchmark did not report all of its figures.
        """
        found = _measured.pop(benchmark, {})
        if missing := FIGURES[benchmark].keys() - found.keys():
            raise ValueError(f"{benchmark} did not report {', '.join(sorted(missing))}")
        kept = self.runs if machine == self.machine else {}
        return Results(machine, {**kept, benchmark: Run(str(day), round(minutes, 1), found)})

    def save(self, file: Path) -> None:
        """Write the results as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load(file: Path) -> Results:
    """Return the results in a file; empty ones if there is no such file."""
    if not file.exists():
        return Results()
    stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    runs = {
        name: Run(run["day"], run["minutes"], {key: tuple(pair) for key, pair in run["figures"].items()})
        for name, run in stored["runs"].items()
    }
    return Results(stored["machine"], runs)


def this_machine() -> str:
    """Return a description of this machine: processor, memory, system and Python."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
