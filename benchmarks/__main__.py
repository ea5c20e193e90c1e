"""``make bench``: run all benchmarks, or those named: ``python -m benchmarks log_call``."""

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path

BENCHMARKS = {
    "log_call": 5,
    "log_flood": 1,
    "masking": 1,
    "record_call": 4,
    "ingest": 3,
    "api_read": 5,
    "dashboard_queries": 8,
    "call_lists": 3,
    "explore": 6,
    "scrape": 4,
    "rollups": 6,
    "archive": 5,
    "alert_check": 5,
    "dashboard_browser": 8,
    "dashboard_memory": 5,
}
"""About how many minutes each takes on two cores."""
ONLY_IF_NAMED = {"scaling": 40, "pipecat_overhead": 5}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks, and keep their results if a file is named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the hot paths next to their rivals, on an otherwise idle machine.",
        epilog=f"benchmarks (about {sum(BENCHMARKS.values())} min in all):\n{_listed(BENCHMARKS)}\n"
        f"only if named:\n{_listed(ONLY_IF_NAMED)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; all by default")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the figures in this file")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in BENCHMARKS | ONLY_IF_NAMED]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    for name in given.names or BENCHMARKS:
        run(name, given.results)


def _listed(minutes: Mapping[str, int]) -> str:
    return "\n".join(f"  {name:<18} about {count} min" for name, count in minutes.items())


def run(name: str, file: Path | None) -> None:
    """Run one benchmark, and keep its figures if there is a file for them."""
    from benchmarks.setup.results import load, this_machine  # noqa: PLC0415 (not needed for --help)

    started = time.monotonic()
    import_module(f"benchmarks.{name}").main()
    print()
    if file is not None and name in BENCHMARKS:
        minutes = (time.monotonic() - started) / 60
        load(file).with_run(name, minutes, this_machine(), date.today()).save(file)  # noqa: DTZ011 (a day for people)


if __name__ == "__main__":
    main()
