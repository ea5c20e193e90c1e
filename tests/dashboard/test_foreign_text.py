"""Foreign text is never markup: what comes from calls, alerts and people is shown as it is."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from pymongo.database import Database

from core.clock import utc_now
from core.models.alerts import Alert, AlertState
from core.storage.calls import write_calls
from core.storage.collections import ALERTS
from core.types import Document
from dashboard import formats
from dashboard.charts.groups import side_by_side
from dashboard.theme import palette_of
from tests.dashboard.browser import opened, served
from tests.dashboard.conftest import make_call
from tests.dashboard.test_drilldown import settle

HOSTILE = (
    "![x](http://localhost:9/p.gif)[in](http://localhost:9/in)",
    "http://shop.example/a",
    "www.shop.example:90/a",
    "ravi@shop.example",
    ":material/home: :smile: :red[x]",
    "a\u202eb limit 1 %",
    "1. <b>bold</b> $x$ a->b `c` |d| 18:32:05",
)


@given(st.text(alphabet=st.sampled_from("w.:/@ha1<>-*_[]()!\u202e\u2066 \n|$`&;#~"), max_size=40))
def test_what_is_escaped_reads_as_it_was_written(text: str) -> None:
    """Without backslashes and joiners it is the same text, in one line and without marks of direction."""
    shown = re.sub(r"\\(.)", r"\1", formats.plain(text))
    wanted = " ".join(text.replace("\u202e", "").replace("\u2066", "").split())
    assert formats.as_typed(shown) == wanted


@given(
    st.sampled_from(["http://", "HTTPS://", "www.", "Www.", "a@", ":a:", ":+1:", "->", "--"]),
    st.text("ab.:/@"),
)
def test_nothing_becomes_active_after_parsing(start: str, rest: str) -> None:
    """Bare addresses, icons and arrows are broken up by something unseen."""
    shown = formats.plain(f"x {start}{rest}b").replace("\\", "")
    assert not re.search(r"https?://|www\.|\w@\w|:[\w+/-]+:|->|--", shown, re.IGNORECASE)


def test_urdu_beside_a_figure_leaves_the_figure_in_its_place() -> None:
    """``from Diwali ₹14.89``, not ``from 14.89₹ Diwali``; what is copied from the page is still found."""
    name = "دیوالی مہم"
    assert formats.plain(name) == f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"
    assert formats.as_typed(formats.plain(name)) == name
    assert formats.plain("दिवाली") == "दिवाली"


def test_a_name_is_no_template_of_what_a_chart_says() -> None:
    """``%{x}`` in a campaign's name stays those four letters below the pointer."""
    figure = side_by_side(["Dialled"], [[4], [2]], ["%{x}", "b"], ("red", "blue"), palette_of("light"))
    assert figure.data[0].hovertemplate.startswith("&#37;{x}, %{y}: ")


@pytest.mark.full
def test_hostile_texts_take_no_effect_on_any_page(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """Campaigns, ids, reasons, errors and alerts with markup show as text: no link, picture or icon."""
    now = utc_now()
    write_calls(
        database,
        [
            make_call(
                number,
                now - timedelta(minutes=3 * number + 1),
                lead_id=f"{HOSTILE[number % 7]}",
                campaign=HOSTILE[number % 7],
                end_reason=HOSTILE[number % 7],
                errors=[{"type": HOSTILE[number % 7], "fault": "provider"}] if number % 2 else [],
                qualification_completed=True,
                attempt=1 + number % 2,
                cost={"llm": 1.0 + number % 7},
            ).model_copy(update={"call_id": f"{HOSTILE[number % 7]}#{number}"})
            for number in range(140)
        ],
    )
    for number, text in enumerate(HOSTILE):
        alert = Alert(
            id=f"hostile-{number}",
            alert_type="hostile",
            name=text[:128],
            severity="warning",
            state=AlertState.FIRING,
            message=text,
            started_at=now - timedelta(minutes=5),
            updated_at=now,
            labels={"campaign": text},
        )
        database[ALERTS].insert_one({"_id": alert.id, **alert.model_dump(exclude={"id"})})
    pages = [
        "/",
        "/analytics?by=Campaign",
        "/conversion",
        "/latency?stage=ASR",
        "/system",
        "/alerts",
        "/calls",
    ]
    with served(tmp_path) as address, opened(browser, "about:blank") as page:
        for path in [*pages, "/calls?call_id=http%3A%2F%2Fshop.example%2Fa%231"]:
            page.goto(f"{address}{path}")
            page.wait_for_selector("[data-testid=stMain] h1")
            settle(page)
            page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
            page.wait_for_timeout(500)
            foreign = page.eval_on_selector_all(
                "[data-testid=stMain] a[href]", "all => all.map(it => it.href)"
            )
            assert [link for link in foreign if not link.startswith(f"{address}/")] == [], path
            assert page.locator("[data-testid=stMain] img:not(.spark)").count() == 0, path
            words = page.locator("[data-testid=stMain]").inner_text()
            assert "\u202e" not in words
            assert "\N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}" not in words
