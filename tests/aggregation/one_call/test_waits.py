"""The parts of a wait: they sum to what the lead waited, whatever was measured."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.aggregation.one_call.waits import REST, wait_parts
from core.models.metrics import TurnMetrics, WaitPart

_MS = st.none() | st.floats(0, 8_000)
_PARTS = st.lists(st.tuples(st.sampled_from(["asr", "llm", "tts"]), st.floats(0, 4_000)), max_size=6)


@given(asr=_MS, end=_MS, llm=_MS, tts=_MS, e2e=st.just(0.0) | st.floats(1, 8_000), parts=_PARTS)
@settings(max_examples=100)
def test_the_parts_sum_to_what_the_lead_waited(
    asr: float | None,
    end: float | None,
    llm: float | None,
    tts: float | None,
    e2e: float,
    parts: list[tuple[str, float]],
) -> None:
    """With stages or parts, more or less than the wait: one after the other, from nought to its end."""
    turn = TurnMetrics(
        call_id="c", turn=1, asr_ms=asr, end_of_turn_delay_ms=end, llm_ttft_ms=llm, tts_ttfb_ms=tts,
        e2e_ms=e2e, parts=[WaitPart(key=key, ms=ms, owner="service") for key, ms in parts] or None,
    )  # fmt: skip
    found = wait_parts(turn)
    assert abs(sum(part.ms for part in found) - e2e) < 1e-6
    place = 0.0
    for part in found:
        assert abs(part.begin_ms - place) < 1e-6
        assert part.ms >= 0
        assert part.before_ms >= 0
        place += part.ms
    shares = [share for part in found if (share := part.share(e2e)) is not None]
    assert not shares or abs(sum(shares) - 1) < 1e-6


def stages(**fields: float) -> list[tuple[str, float, float]]:
    turn = TurnMetrics(call_id="c", turn=1, **fields)
    return [(part.key, part.ms, part.before_ms) for part in wait_parts(turn)]


def test_recognition_that_ran_while_the_lead_spoke_was_not_waited_for() -> None:
    assert stages(asr_ms=400, llm_ttft_ms=500, tts_ttfb_ms=200, e2e_ms=900) == [
        ("transcription", 200, 200),
        ("llm_inference", 500, 0),
        ("speech_synthesis", 200, 0),
    ]


def test_what_nobody_measured_is_a_part_of_its_own() -> None:
    assert stages(llm_ttft_ms=500, e2e_ms=900) == [("llm_inference", 500, 0), (REST, 400, 0)]
    assert stages(e2e_ms=900) == [(REST, 900, 0)]


def test_without_a_wait_the_parts_are_what_was_measured() -> None:
    assert stages(llm_ttft_ms=500, tts_ttfb_ms=200) == [
        ("llm_inference", 500, 0),
        ("speech_synthesis", 200, 0),
    ]
    assert stages() == []
