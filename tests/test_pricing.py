"""What a call's usage costs, by a table of prices."""

import asyncio
import os
from pathlib import Path

import pytest

from core.errors import UserError
from core.models.calls.parts import CallCost, ModelUsage, Origin
from core.models.calls.reports import CallReport
from core.pricing import cost_of, in_rupees, price_table, priced
from core.services.reports import fact, prepared
from core.settings import get_settings
from tests.storage.recording.test_merging import agents

TABLE = """
[rates]
USD = 84.0

[[price]]
provider = "openai"
model = "gpt-4o-mini*"
currency = "USD"
input_per_million = 0.15
cached_per_million = 0.075
output_per_million = 0.60

[[price]]
provider = "sarvam"
model = "bulbul"
characters_per_million = 1500

[[price]]
provider = "deepgram"
currency = "USD"
audio_per_minute = 0.0059
"""
LLM = ModelUsage(
    kind="llm",
    provider="OpenAI",
    model="gpt-4o-mini-2024-07-18",
    input_tokens=100_000,
    cached_tokens=40_000,
    output_tokens=10_000,
)


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "prices.toml"
    file.write_text(TABLE)
    monkeypatch.setenv("PRICES_FILE", str(file))
    get_settings.cache_clear()
    return file


def test_usage_becomes_cost(prices: Path) -> None:
    """Tokens, cached ones apart, characters and time, each by its own price."""
    usage = [
        LLM,
        ModelUsage(kind="tts", provider="sarvam", model="bulbul", characters=2_000),
        ModelUsage(kind="asr", provider="deepgram", model="nova-3", audio_seconds=120),
    ]
    cost = priced(agents(usage=usage)).cost
    assert cost is not None
    assert cost.llm == pytest.approx((60_000 * 0.15 + 40_000 * 0.075 + 10_000 * 0.6) / 1e6 * 84)
    assert cost.tts == pytest.approx(3.0)
    assert cost.asr == pytest.approx(2 * 0.0059 * 84)


def test_what_has_no_price_is_unknown_and_not_free(prices: Path) -> None:
    """One model without a price makes its whole part unknown; the others are known."""
    usage = [LLM, ModelUsage(kind="llm", provider="openai", model="o9", input_tokens=5), LLM]
    amounts, unpriced = cost_of(usage, price_table())
    assert amounts == {}
    assert unpriced == ["openai/o9"]
    assert priced(agents(usage=usage)).cost is None


def test_what_the_agent_says_itself_stays(prices: Path) -> None:
    """A cost that is given is not reckoned again."""
    cost = priced(agents(usage=[LLM], cost={"llm": 7.0})).cost
    assert cost is not None
    assert cost.llm == 7.0


def test_foreign_money_keeps_its_amount_and_its_rate(prices: Path) -> None:
    """Dollars are kept beside the rupees, with the rate that was used."""
    cost = in_rupees(CallCost(llm=0.02, currency="USD"), price_table())
    assert cost.model_dump(exclude_none=True) == {
        "llm": 1.68,
        "origins": {"llm": {"amount": 0.02, "currency": "USD", "rate": 84.0}},
    }
    assert in_rupees(cost, price_table()) == cost


def test_money_without_a_rate_is_kept_and_counts_nowhere() -> None:
    """No rate, no rupees; the amounts are not lost."""
    cost = in_rupees(CallCost(llm=0.02, currency="EUR"), price_table())
    assert (cost.llm, cost.origins) == (None, {"llm": Origin(amount=0.02, currency="EUR")})


def test_a_table_with_a_slip_is_refused_by_name_and_costs_no_call(prices: Path) -> None:
    """The variable and the key are named; the call is recorded without a price."""
    prices.write_text('[[price]]\nprovider = "openai"\ninput_per_milion = 1\n')
    with pytest.raises(UserError, match=r"PRICES_FILE=.*input_per_milion.*mean input_per_million"):
        price_table()
    assert priced(agents(usage=[LLM])).cost is None


def test_a_cost_that_no_call_can_have_is_unknown(prices: Path) -> None:
    """In rupees it would be beyond any bound; the amount as given is kept."""
    cost = in_rupees(CallCost(llm=999_999, tts=1, currency="USD"), price_table())
    assert (cost.llm, cost.tts) == (None, 84.0)
    assert cost.origins is not None
    assert {part: one.amount for part, one in cost.origins.items()} == {"llm": 999_999, "tts": 1}


@pytest.mark.parametrize("wrong", [{"foo": 1}, {"": 1}, {"llm": -1}])
def test_amounts_are_of_parts_that_there_are(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="origins"):
        CallCost.model_validate({"currency": "USD", "original": wrong})


def test_a_currency_without_an_amount_is_no_cost() -> None:
    assert agents(cost={"currency": "USD"}).cost is None


BROKEN = [
    "[[price]\n",
    "[[price]]\nprovider = 'x'\ninput_per_milion = 3\n",
    "a = " + "[" * 9_999,
    "a = " + "9" * 5_000,
    None,
]


@pytest.mark.parametrize("broken", BROKEN, ids=["half saved", "slip", "deep", "digits", "away"])
def test_while_the_price_file_is_broken_its_last_good_prices_apply(
    prices: Path, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    """Half saved, with a slip or away: calls keep their cost, and each change of the file is told once."""
    report = CallReport.model_validate(
        {"call_id": "c1", "source": "exotel", "role": "carrier"}
        | {"facts": {"cost": {"telephony": 1, "currency": "USD"}}}
    )
    good = priced(agents(usage=[LLM])).cost
    assert good is not None
    for changed in range(2):
        if broken is None:
            prices.unlink(missing_ok=True)
        else:
            prices.write_text(f"{TABLE}\n{broken}")
            os.utime(prices, ns=(changed, changed))
        assert [priced(agents(usage=[LLM])).cost for _ in range(3)] == [good] * 3
        (told,) = asyncio.run(prepared([report]))
        assert fact(told, "cost").telephony == 84.0
    told_of = [line for line in caplog.records if "last good form stays in force" in line.getMessage()]
    assert len(told_of) == (1 if broken is None else 2)
    prices.write_text(TABLE.replace("USD = 84.0", "USD = 42.0"))
    halved = priced(agents(usage=[LLM])).cost
    assert halved is not None
    assert halved.llm == pytest.approx((good.llm or 0) / 2)
