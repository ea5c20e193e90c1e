"""What is stored in the open that should not be."""

import base64
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.doctor.encryption import encryption
from core.doctor.result import State
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document


def call(number: int, lead_id: str | None) -> CallMetrics:
    fields = {"status": "completed", "direction": "outbound", "duration_seconds": 60}
    start = utc_now() - timedelta(minutes=number)
    return CallMetrics.model_validate(
        fields | {"call_id": f"c{number}", "lead_id": lead_id, "start_time": start}
    )


def test_phone_numbers_that_serve_as_lead_ids_are_remarked(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any spelling, until there is a key for their blind index; other ids are not."""

    def remarks() -> list[str]:
        found = encryption(database, get_settings())
        return [one.text for one in found if one.state is State.WARN]

    write_calls(database, [call(1, "lead_7"), call(2, None), call(3, "4071")])
    assert remarks() == []
    write_calls(database, [call(4, "+919811122233"), call(5, "098111 22233")])
    assert remarks() == ["2 of the newest 5 calls have a phone number as lead_id, stored as it is"]
    monkeypatch.setenv("BLIND_INDEX_KEY", base64.b64encode(bytes(range(32))).decode())
    get_settings.cache_clear()
    assert remarks() == []
