"""What was accepted is not sent again because of how the answer goes on."""

import time

import pytest

from core.alerting.channels.post import post
from tests.raw_server import ENDLESS, HALF, SLOW, raw_server


@pytest.mark.parametrize("answer", [HALF, ENDLESS, SLOW], ids=["half", "endless", "slow"])
def test_a_message_that_was_accepted_is_delivered_however_the_answer_ends(answer: tuple[bytes, ...]) -> None:
    with raw_server(answer) as (server, url):
        begun = time.monotonic()
        assert post(url, {"text": "Calls fail"}) is None
        assert time.monotonic() - begun < 4
    assert server.requests == 1
