"""What a webhook node of Dograh posts."""

import pytest

from core.adapters.platforms import dograh
from tests.adapters.cases import case, facts, facts_of, read


def test_a_run_is_told_whole() -> None:
    told = facts("dograh", "completed")
    assert (told["status"], told["end_reason"]) == ("completed", "customer_hung_up")
    assert (told["end_time"] - told["start_time"]).total_seconds() == 75.5
    assert (told["agent"], told["campaign"], told["provider_call_id"]) == ("8", "4", "CA61")
    assert set(told["links"]) == {"recording", "transcript"}


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("failed", "provider_error", "failed"),
        ("transferred", "transferred", "completed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("dograh", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_a_disposition_of_the_users_own_is_unknown_and_kept() -> None:
    told = facts_of(dograh.read(case("dograh", "completed") | {"call_disposition": "XFER"}).reports[0])
    assert (told["end_reason"], told["end_reason_raw"]) == ("unknown", "XFER")


def test_their_own_example_of_a_template_is_read_too() -> None:
    """It calls the run ``call_id``, and names neither a start nor our own id."""
    delivery = read("dograh", "as_in_their_example")
    assert (delivery.reports[0].call_id, delivery.reports[0].known_call) == ("61", False)
    assert delivery.unknown == ("duration", "first_name")
