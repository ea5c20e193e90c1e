"""What `doctor` says of webhooks."""

from datetime import timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.doctor.result import State
from core.doctor.sources import webhooks
from core.errors import UserError
from core.settings import get_settings
from core.storage.hook_deliveries import HookDelivery
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document


def test_a_source_that_is_silent_for_a_day_or_refused_is_remarked(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it; without any source there is nothing to say."""

    def found() -> list[tuple[State, str]]:
        return [(one.state, one.text) for one in webhooks(database, get_settings())]

    def deliver(hours: float, outcome: str = "stored") -> None:
        at = utc_now() - timedelta(hours=hours)
        note = HookDelivery.model_validate({"source": "plivo", "outcome": outcome, "received_at": at})
        write(database, [Record.now(note)])

    assert found()[0][0] is State.OFF
    monkeypatch.setenv("HOOK_SECRETS", f"plivo={'p' * 30}")
    get_settings.cache_clear()
    assert found() == [(State.WARN, "nothing from Plivo has arrived yet, or not for 7 days")]
    deliver(30)
    assert found() == [(State.WARN, "Plivo is on but has delivered nothing for a day")]
    deliver(2)
    assert found() == [(State.OK, "Plivo: 1 delivery in 24 h")]
    deliver(1, "refused")
    assert found() == [(State.WARN, "Plivo: 2 deliveries in 24 h, 1 of them refused")]
    monkeypatch.setenv("HOOK_SECRETS", "plivo=short")
    get_settings.cache_clear()
    with pytest.raises(UserError, match="HOOK_SECRETS"):
        found()
