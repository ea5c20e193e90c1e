"""Compare in a real browser: the verdicts it shows are those of the frame behind them."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pymongo.database import Database

from core.aggregation.columnar.copy import open_source
from core.aggregation.columnar.sides import figures
from core.clock import utc_now
from core.types import Document
from dashboard.compare import panels
from dashboard.compare.panels import Named
from tests.dashboard.browser import opened, served

pytestmark = pytest.mark.full
_ICONS = ("trending_up", "trending_down")


def _icon(cell: str) -> str:
    """The name of the icon that a cell begins with, as the browser has it in its text."""
    return next((name for name in _ICONS if cell.startswith(name)), "")


def test_verdicts_are_those_of_the_frame(calls: Database[Document], tmp_path: Path, browser: Browser) -> None:
    """Every figure of both versions, its difference and the verdict; the other way round as well."""
    now = utc_now()
    source = open_source(calls, now - timedelta(days=7), now)
    sides = {name: Named(name, figures(source, (("agent_version", name),))) for name in ("2.0", "2.1")}
    with served(tmp_path) as address:
        for first, second in (("2.0", "2.1"), ("2.1", "2.0")):
            frame = panels.verdicts(sides[first], sides[second]).table
            assert frame is not None
            link = f"{address}/compare?period=7d&versus=Agent+version&a={first}&b={second}"
            with opened(browser, link) as page:
                rows = page.locator(".st-key-chart-verdicts tbody tr")
                expect(rows).to_have_count(len(frame))
                shown = [row.locator("td").all_inner_texts() for row in rows.all()]
            for cells, expected in zip(shown, frame.to_numpy().tolist(), strict=True):
                assert [cell.removeprefix(_icon(cell)).strip() for cell in cells] == expected
            assert {"Qualification rate", "Cost per qualified lead"} <= {*frame["Figure"]}
