"""What is personal is known by its name, and what is ordinary stays as it is."""

from typing import Any

import pytest

from core.privacy.masking import mask_value
from core.privacy.sensitive import WITHHELD, is_personal, personal_in, phone_of, replaced, stored_lead_id
from core.settings import get_settings


@pytest.mark.parametrize(
    "name",
    [
        *(
            "phone",
            "Mobile",
            "customer_phone",
            "fromNumber",
            "name",
            "fullName",
            "customer_name",
            "father_name",
        ),
        *("address", "home_address", "address_line_1", "pan", "pan_number", "aadhaar", "dob", "dateOfBirth"),
        *("email", "emailAddress", "account_number", "upi_id", "voter_id", "passport_no", "transcript"),
        *("password", "otp", "applicant-name", "whatsapp", "participantName", "house_address"),
    ],
)
def test_a_name_of_something_personal_is_known(name: str) -> None:
    assert is_personal(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "attempt",
            "campaign",
            "campaign_name",
            "product",
            "city",
            "state",
            "pincode",
            "agent_name",
            "score",
        ),
        *("greeting_ms", "channel", "queue", "opt_out", "loan_amount", "bucket", "file_name", "hostname"),
        *("company", "plan", "ip_version", "model_name", "note", "a", "span"),
    ],
)
def test_an_ordinary_name_is_not(name: str) -> None:
    assert not is_personal(name)


def test_values_are_found_however_deep_and_by_chosen_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is empty, or only says whether there is one, is nobody's own."""
    monkeypatch.setenv("ENCRYPTED_FIELDS", "loan.reference, metadata.remark")
    get_settings.cache_clear()
    metadata: dict[str, Any] = {
        "phone": "97011 55238",
        "customer": {"name": "Meera", "city": "Pune", "contacts": [{"mobile": 9701155238, "kind": "home"}]},
        "loan": {"reference": "L-1", "amount": 5},
        "remark": {"any": "thing"},
        "reference": "stays",
        "pan": None,
        "email": "",
        "aadhaar": True,
        "dob": WITHHELD,
    }
    assert dict(personal_in(metadata)) == {
        "metadata.phone": "97011 55238",
        "metadata.customer.name": "Meera",
        "metadata.customer.contacts.0.mobile": 9701155238,
        "metadata.loan.reference": "L-1",
        "metadata.remark": {"any": "thing"},
    }
    changed = replaced(metadata, lambda path, _: path)
    assert changed["customer"] == {
        "name": "metadata.customer.name",
        "city": "Pune",
        "contacts": [{"mobile": "metadata.customer.contacts.0.mobile", "kind": "home"}],
    }
    assert metadata["customer"]["name"] == "Meera"


@pytest.mark.parametrize(
    "name",
    [
        *("From", "To", "CallFrom", "CallTo", "DialWhomNumber", "caller", "callee", "src", "dst", "clid"),
        *("destination_number", "wa_id", "remote_number", "agent_number", "customer_contact", "b_party"),
    ],
)
def test_a_phone_is_personal_where_carriers_put_it_and_a_queue_is_not(name: str) -> None:
    """Under names that hold either."""
    for phone in ("+919840117362", "09840117362", 9840117362):
        assert dict(personal_in({name: phone})) == {f"metadata.{name}": phone}
    for other in ("support queue", "2026-03-01", 17, None, "sip:room@x"):
        assert not dict(personal_in({name: other}))


def test_metadata_without_anything_personal_is_the_same_object() -> None:
    metadata = {"queue": "hindi", "scores": [{"a": 1}]}
    assert replaced(metadata, lambda *_: "x") is metadata


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("9701155238", "+919701155238"),
        ("09701155238", "+919701155238"),
        ("91 97011-55238", "+919701155238"),
        ("+91 (970) 115 5238", "+919701155238"),
        ("0091 9701155238", "+919701155238"),
        ("९७०११५५२३८", "+919701155238"),
        ("+65 9123 4567", "+6591234567"),
        ("+1 415 555 2671", "+14155552671"),
        ("tel:+919701155238", "+919701155238"),
        ("TEL:09701155238;phone-context=+91", "+919701155238"),
        ("whatsapp:+919701155238", "+919701155238"),
        ("sip:+919701155238@10.2.0.4:5060;user=phone", "+919701155238"),
        ("<sips:9701155238@carrier.example>", "+919701155238"),
        ("sip_+919701155238", "+919701155238"),
        ("lead:+919701155238", "+919701155238"),
        ("tel:%2B919701155238", "+919701155238"),
        ("919701155238@s.whatsapp.net", "+919701155238"),
        ("919701155238:12@s.whatsapp.net", "+919701155238"),
        ("\u202a+91 97011\u200b55238\u202c", "+919701155238"),
        ("\uff0b\uff19\uff11\uff19\uff17\uff10\uff11\uff11\uff15\uff15\uff12\uff13\uff18", "+919701155238"),
        ("sip:1001@10.2.0.4", None),
        ("sip:room@x", None),
        ("tel:", None),
        ("lead:970115523897011552389701155238ab", None),
        ("lead:9701155238", None),
        ("neha@9701155238", None),
        ("lead_9701155238", None),
        ("1234567890", None),
        ("20241024101", None),
        ("970115523", None),
        ("97011552381", None),
        ("", None),
    ],
)
def test_a_phone_is_one_number_however_it_is_written(text: str, phone: str | None) -> None:
    assert phone_of(text) == phone


def test_a_phone_as_lead_id_is_stored_as_its_blind_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where there is a key, unless phones are to be kept."""
    assert stored_lead_id("9701155238") == "9701155238"
    monkeypatch.setenv("BLIND_INDEX_KEY", "A" * 43)
    get_settings.cache_clear()
    stored = stored_lead_id("9701155238")
    assert (stored[:5], len(stored), stored_lead_id("+91 97011 55238")) == ("lead:", 37, stored)
    for written in (
        "tel:+919701155238",
        "whatsapp:+919701155238",
        "sip:+919701155238@10.2.0.4",
        "sip_+919701155238",
    ):
        assert stored_lead_id(written) == stored
        assert mask_value({"lead_id": written}) == {"lead_id": stored}
    assert stored_lead_id("lead_7") == "lead_7"
    assert stored_lead_id(stored) == stored
    monkeypatch.setenv("LEAD_ID_PHONES", "keep")
    get_settings.cache_clear()
    assert stored_lead_id("9701155238") == "9701155238"
