"""What Prometheus is given: its own checks pass, and its percentiles are those of the dashboard."""

import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.exporting.catalogue import COUNTERS, HISTOGRAMS, PREFIX
from core.exporting.families import families
from core.exporting.gauges import GAUGES
from core.exporting.prometheus import expose
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import START, some, told
from tests.oracles import program


@pytest.fixture
def filled(database: Database[Document]) -> Database[Document]:
    """A store with random calls, taken into the totals."""
    some(database, 200)
    told(database)
    return database


def test_promtool_finds_no_fault(filled: Database[Document]) -> None:
    """Names, units, help texts and types are as Prometheus's own linter wants them."""
    page, _ = expose(families(filled), "text/plain")
    command = [str(program("promtool")), "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_formats_say_the_same(filled: Database[Document]) -> None:
    """OpenMetrics where it is asked for; a strict reader takes it."""
    found = families(filled)
    page, kind = expose(found, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text")
    strict = {
        (one.name, *sorted(one.labels.items())): one.value
        for family in openmetrics(page.decode())  # type: ignore[no-untyped-call]
        for one in family.samples
    }
    page, kind = expose(found, "*/*")
    assert kind.startswith("text/plain")
    assert strict == {
        (one.name, *sorted(one.labels.items())): one.value
        for family in plain(page.decode())
        for one in family.samples
    }


def test_a_version_that_is_no_number_gets_the_usual_format(filled: Database[Document]) -> None:
    """A client's odd header is answered, too."""
    page, kind = expose(families(filled), "application/openmetrics-text; version=abc")
    assert kind.startswith("text/plain; version=0.0.4")
    assert b"voice_agent_calls_total" in page


@pytest.mark.parametrize("metric", HISTOGRAMS, ids=lambda metric: metric.name)
def test_percentiles_are_within_a_bucket_of_the_dashboards(
    filled: Database[Document], metric: object
) -> None:
    """What histogram_quantile gives lies in the bucket of what the tiles show, or in the next one."""
    (histogram,) = (one for one in HISTOGRAMS if one == metric)
    (family,) = (one for one in families(filled) if one.metric == histogram)
    counts = [sum(row) for row in zip(*(bins.counts for bins in family.bins.values()), strict=True)]
    summary = summarise(load_cube(filled, START, START + timedelta(days=4)))
    shown = getattr(summary, histogram.of)
    assert sum(counts) == shown.n
    for share, value in ((0.5, shown.p50), (0.95, shown.p95)):
        here = bucket_of_rank(counts, share)
        there = sum(bound < value * histogram.scale for bound in histogram.bounds)
        assert abs(here - there) <= 1, (share, value)


def bucket_of_rank(counts: Sequence[float], share: float) -> int:
    """The bucket that histogram_quantile looks into."""
    rank, cumulated = share * sum(counts), 0.0
    for place, n in enumerate(counts):
        cumulated += n
        if cumulated >= rank:
            return place
    raise AssertionError


def test_names_are_distinct_and_buckets_ascend() -> None:
    """No two metrics of one name; bounds hold the limits that alerts have."""
    names = [metric.name for metric in (*COUNTERS, *HISTOGRAMS, *GAUGES)]
    assert len(set(names)) == len(names)
    assert not any(name.startswith(PREFIX) for name in names)
    for metric in HISTOGRAMS:
        assert all(low < high for low, high in pairwise(metric.bounds))
        if metric.scale != 1.0:
            assert {1.5, 2.0, 3.5} < set(metric.bounds)


def test_a_new_store_says_how_it_is(database: Database[Document]) -> None:
    """Before the first roll-up there are gauges, and no counter that would rise from nothing."""
    names = {family.metric.name: family for family in families(database)}
    assert "calls" not in names
    assert names["active_calls"].samples == {("inbound",): 0, ("outbound",): 0, ("unknown",): 0}
    assert "rollup_lag_seconds" not in names


def test_a_scrape_reads_as_much_however_many_calls_there_are(database: Database[Document]) -> None:
    """Neither calls nor days: the totals, and how the system is."""
    looked_at = []
    for first, number in ((0, 20), (20, 300)):
        write_calls(database, [call(n, START + timedelta(hours=n)) for n in range(first, first + number)])
        told(database)
        looked_at.append(examined(database))
    # Of twenty calls the server may look at each, if it takes another index: it tries several.
    assert looked_at[1] <= looked_at[0]


def examined(database: Database[Document]) -> Counter[str]:
    """How many documents and index entries the server looks at for one scrape, by collection."""
    database["system.profile"].drop()
    database.command("profile", 2)
    try:
        families(database)
    finally:
        database.command("profile", 0)
    rows = list(database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}}))
    assert rows
    looked_at: Counter[str] = Counter()
    for row in rows:
        looked_at[row["ns"]] += row.get("docsExamined", 0) + row.get("keysExamined", 0)
    return looked_at
