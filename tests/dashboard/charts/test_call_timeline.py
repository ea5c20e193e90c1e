"""The chart of one call's turns."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.metrics import TurnMetrics
from dashboard.charts.call_timeline import timeline
from dashboard.theme import contrast, palette_of

AT = datetime(2026, 11, 24, tzinfo=UTC)
_ms = st.floats(0, 8_000)


@settings(deadline=None)  # a busy machine is no fault of the chart
@given(asr=_ms, end=_ms, llm=_ms, tts=_ms, e2e=_ms)
def test_no_bar_reaches_further_than_what_the_lead_waited(
    asr: float, end: float, llm: float, tts: float, e2e: float
) -> None:
    """The parts stand one after the other and end with the wait; what is more begins before zero."""
    turn = TurnMetrics(
        call_id="c", turn=1, start_time=AT, asr_ms=asr, end_of_turn_delay_ms=end, llm_ttft_ms=llm,
        tts_ttfb_ms=tts, e2e_ms=e2e,
    )  # fmt: skip
    bars = [trace for trace in timeline([turn], palette_of("light")).data if trace.type == "bar"]
    place = bars[0].base[0]
    for bar in bars:
        assert abs(bar.base[0] - place) < 1e-6
        place += bar.x[0]
    assert place <= e2e + 1e-6


def test_words_in_colour_can_be_read() -> None:
    """Names of lines have a contrast of 4.5 at least, bars one of 3, on light and on dark ground."""
    for mode in ("light", "dark"):
        palette = palette_of(mode)
        for colour in {*palette.colours.values(), *palette.cycle}:
            assert contrast(palette.readable(colour), palette.surface) >= 4.5
        bars = [palette.colours[name] for name in ("completed", "failed", "no_answer", "outbound", "inbound")]
        assert min(contrast(colour, palette.surface) for colour in bars) >= 3
