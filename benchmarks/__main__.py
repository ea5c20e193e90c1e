"""``make bench``: run every benchmark in turn, or those that are named: ``python -m benchmarks log_call``."""

import argparse
from importlib import import_module

BENCHMARKS = (
    "log_call",
    "log_flood",
    "masking",
    "record_call",
    "ingest",
    "api_read",
    "dashboard_queries",
    "explore",
    "scrape",
    "rollups",
    "archive",
    "alert_check",
    "dashboard_browser",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}")
    for name in parser.parse_args().names or BENCHMARKS:
        import_module(f"benchmarks.{name}").main()
        print()
