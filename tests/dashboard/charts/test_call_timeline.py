"""The chart of one call's turns."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.aggregation.one_call.clock import clock_of
from core.models.metrics import TurnMetrics, WaitPart
from dashboard.charts.call_timeline import NOT_THE_WHOLE, waits
from dashboard.theme import contrast, palette_of
from tests.dashboard.conftest import make_call

AT = datetime(2026, 11, 24, tzinfo=UTC)
_ms = st.floats(0, 8_000)


@given(asr=_ms, end=_ms, llm=_ms, tts=_ms, e2e=_ms)
@settings(max_examples=30)
def test_no_bar_reaches_further_than_what_the_lead_waited(
    asr: float, end: float, llm: float, tts: float, e2e: float
) -> None:
    """The parts stand one after the other from zero and end with the wait, whatever was measured."""
    turn = TurnMetrics(
        call_id="c", turn=1, start_time=AT, asr_ms=asr, end_of_turn_delay_ms=end, llm_ttft_ms=llm,
        tts_ttfb_ms=tts, e2e_ms=e2e,
    )  # fmt: skip
    place = 0.0
    for bar in bars_of(turn):
        assert abs(bar.base[0] - place) < 1e-6
        place += bar.x[0]
    assert abs(place - e2e) < 1e-6


WAIT = (
    ("endpointing_wait", 200, "setting"),
    ("transcription", 85, "service"),
    ("turn_detection", 15, "setting"),
    ("llm_inference", 400, "service"),
    ("speech_synthesis", 99, "service"),
    ("pipeline", 201, "agent"),
)


def waited(turn: int, e2e_ms: float = 1_000, more: float = 0) -> TurnMetrics:
    parts = [WaitPart(key=key, ms=ms, owner=owner) for key, ms, owner in WAIT]
    parts[-1] = parts[-1].model_copy(update={"ms": parts[-1].ms + more})
    return TurnMetrics(call_id="c", turn=turn, start_time=AT, asr_ms=90, e2e_ms=e2e_ms, parts=parts)


def drawn(*turns: TurnMetrics) -> Any:
    call = make_call(1, AT)
    return waits(turns, clock_of(call, turns), palette_of("light"))


def bars_of(*turns: TurnMetrics) -> list[Any]:
    return [trace for trace in drawn(*turns).data if trace.type == "bar"]


def test_the_parts_of_a_wait_stand_in_place_of_the_stages() -> None:
    """From the lead's last word to the agent's first; each says how long, which share, and whose it is."""
    bars = bars_of(waited(1))
    assert [bar.name for bar in bars] == [
        *("Endpointing wait", "Recognition", "End of turn", "Model", "Synthesis", "Pipeline")
    ]
    assert [bar.base[0] for bar in bars] == [0, 200, 285, 300, 700, 799]
    assert bars[-1].base[0] + bars[-1].x[0] == 1_000
    assert list(bars[0].customdata[0]) == [
        "Endpointing wait: 200 ms, 20 % of the wait<br>owner: setting",
        1,
    ]
    looks = {(bar.marker.color, bar.marker.pattern.shape) for bar in bars}
    assert len(looks) == len(bars)  # two settings have one colour and are told apart


def test_parts_that_are_not_the_whole_wait_are_marked() -> None:
    """In the name of the row, and where the wait ends it says by how much."""
    figure = drawn(waited(1), waited(2, more=50))
    right, wrong = figure.layout.yaxis.categoryarray
    assert (NOT_THE_WHOLE in right, NOT_THE_WHOLE in wrong) == (False, True)
    said = [words for words, _ in figure.data[-1].customdata]
    assert said == ["", "<br>its reported parts sum to 50 ms more"]
    assert sum(bar.x[1] for bar in figure.data if bar.type == "bar") == 1_000


def test_turns_with_and_without_parts_stand_in_their_order() -> None:
    """One without parts shows its stages, and what nobody measured; the same has one name and one colour."""
    plain = TurnMetrics(call_id="c", turn=1, start_time=AT, asr_ms=90, llm_ttft_ms=300, e2e_ms=500)
    twice = waited(2).model_copy(update={"parts": [*(waited(2).parts or ()), *(waited(2).parts or ())]})
    bars = bars_of(plain, twice)
    shown = [bar.name for bar in bars if bar.showlegend]
    assert len(shown) == len(set(shown)) == 7
    assert {bar.marker.color for bar in bars if bar.name == "Model"} == {palette_of("light").colours["llm"]}
    assert sum(len(bar.x) for bar in bars) == 3 + 12


def test_words_in_colour_can_be_read() -> None:
    """Names of lines have a contrast of 4.5 at least, bars one of 3, on light and on dark ground."""
    for mode in ("light", "dark"):
        palette = palette_of(mode)
        for colour in {*palette.colours.values(), *palette.cycle}:
            assert contrast(palette.readable(colour), palette.surface) >= 4.5
        bars = [palette.colours[name] for name in ("completed", "failed", "no_answer", "outbound", "inbound")]
        assert min(contrast(colour, palette.surface) for colour in bars) >= 3
