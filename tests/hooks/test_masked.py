"""Numbers dialled in the content that is kept of a webhook, however a vendor writes them."""

import json
import re
from typing import Any

import pytest

from core.hooks.masked import masked_body

ODD: list[dict[str, Any]] = [
    {"From": "9 8 1 2 3 4 5 6 7 8"},
    {"CallFrom": "९८१२३ ४५६७८"},
    {"from_number": "+९१ 98123\u200b45678"},
    {"to": "98I23-4S678"},
    {"To": "98123 45678 / 022 1"},
    {"from": ["+91", "98123", "45678"]},
    {"from": {"country": "+91", "std": "98123", "rest": ["45", "678"]}},
    {"caller": "812345"},
    {"customer": {"alternate_number": "xx981234y"}},
    {"destination": {"type": "number", "number": "98123 45"}},
    {"phoneNumber": {"sip": "sip:098123@host"}},
    {"wa_id": 919812345678},
]


@pytest.mark.parametrize("payload", ODD, ids=lambda one: next(iter(one)))
def test_no_digit_of_a_number_dialled_is_kept_but_the_last_four(payload: dict[str, Any]) -> None:
    """In parts, with letters or words in it, in any script: and what is no number stays."""
    kept = masked_body(payload | {"uuid": "98123", "duration": 987654}, ())
    assert kept is not None
    found = json.loads(kept)
    assert (found.pop("uuid"), found.pop("duration")) == ("98123", 987654)
    text = re.sub(r"…\d{4}\]", "]", json.dumps(found, ensure_ascii=False))
    assert not any(map(str.isdecimal, text))
    assert "[phone" in kept


def test_the_id_of_a_call_stays_where_it_looks_like_a_number() -> None:
    kept = masked_body({"number": "9812345678", "lead_id": "lead_812345", "from": "desk"}, (), {"9812345678"})
    assert kept is not None
    assert json.loads(kept) == {"number": "9812345678", "lead_id": "lead_812345", "from": "desk"}
