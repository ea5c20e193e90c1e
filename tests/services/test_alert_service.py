"""An alert of the agent's own carries nobody's personal data to people and services outside."""

from core.services.alert_service import _custom_alert


def test_personal_values_in_metadata_are_left_out_or_masked() -> None:
    """However deep they lie; what is none stays."""
    person = {
        "name": "Meera Pillai",
        "address": "Green House, second floor",
        "phone": "97011 55238",
        "dob": "1987-01-02",
        "password": "chandni",
    }
    alert = _custom_alert(
        "crm_push", "critical", "The CRM refuses", metadata={**person, "customer": person, "queue": "hindi"}
    )
    shown = {
        "name": "[personal]",
        "address": "[personal]",
        "phone": "[phone …5238]",
        "dob": "[personal]",
        "password": "[masked]",
    }
    assert alert.metadata == {**shown, "customer": shown, "queue": "hindi"}
