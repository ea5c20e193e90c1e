"""What was said in a turn, as one text and back."""

from hypothesis import given
from hypothesis import strategies as st

from core.models.calls.transcripts import LONGEST, Said, as_transcript, said_in

_TEXT = st.none() | st.text(max_size=200)


@given(lead=_TEXT, agent=_TEXT)
def test_who_said_what_is_found_again(lead: str | None, agent: str | None) -> None:
    """Whatever is said: a line of a lead's that begins like the agent's is the lead's still."""
    given_words = [(by, " ".join((words or "").split())) for by, words in (("lead", lead), ("agent", agent))]
    text = as_transcript(lead, agent)
    assert said_in(text or "") == [Said(by, words) for by, words in given_words if words]


def test_a_long_speech_is_cut_and_the_answer_stays() -> None:
    text = as_transcript("a" * 9_000, "b" * 9_000)
    assert text is not None
    assert len(text) <= LONGEST
    assert [(one.by, len(one.words)) for one in said_in(text)] == [("lead", 1_992), ("agent", 1_992)]


def test_a_text_of_another_s_is_shown_as_it_is() -> None:
    """Nobody is said to have said it; lines that follow a name are that one's."""
    assert said_in("hello\nthere") == [Said("", "hello\nthere")]
    assert said_in("Lead: hello\nthere\nAgent: yes") == [Said("lead", "hello\nthere"), Said("agent", "yes")]
    assert said_in(" \n") == []
