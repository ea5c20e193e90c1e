"""A platform of the tests, with all that an adapter can meet."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.adapters.delivery import Delivery, RefusedDeliveryError, Request, Source
from core.adapters.payload import Payload
from core.clock import utc_now
from core.models.calls.reports import CallFacts, CallReport, Role


def read_example(content: Mapping[str, Any]) -> Delivery:
    """A platform of these tests: ``id``, ``event``, ``times``; its own ids, and a field that nobody reads."""
    payload = Payload(content)
    call_id = payload.text("id")
    event = payload.text("event") or ""
    if event == "ping":
        return Delivery(event)
    if event == "crash":
        raise KeyError("a field that the adapter thought was there")
    if call_id is None:
        raise RefusedDeliveryError("id is missing: it says which call this is about")
    facts = {
        "start_time": payload.moment("start"),
        "end_time": payload.moment("end"),
        "status": payload.text("status"),
        "end_reason": payload.text("ending"),
        "lead_id": payload.text("phone"),
        "provider_call_id": call_id if payload.flag("own_id") else None,
        "cost": {"platform": payload.number("usd"), "currency": "USD"} if payload.get("usd") else None,
    }
    report = CallReport(
        call_id=call_id,
        source="example",
        role=Role.PLATFORM,
        stage=50 if event == "ended" else 10,
        known_call=not payload.flag("own_id"),
        facts=CallFacts.model_validate({name: value for name, value in facts.items() if value is not None}),
    )
    payload.known("token", "deep")
    return Delivery(
        event,
        (report,),
        live="ended" if event == "ended" else "started",
        unknown=payload.unknown(),
        refused=payload.refused,
    )


def signature(url: str, form: Mapping[str, str], secret: str) -> str:
    """How the signing one of the examples signs: address and form."""
    text = url + "".join(f"{name}{value}" for name, value in sorted(form.items()))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_signed(request: Request, secret: str) -> bool:
    """Whether a request is signed so; one without a signature is a fault that an adapter may have."""
    return hmac.compare_digest(request.headers["x-signature"], signature(request.url, request.form, secret))


SIGNER = Source("signer", "Signer", Role.CARRIER, read_example, signed=is_signed)
IDLE = Source("idle", "Idle", Role.CARRIER, read_example)
EXAMPLE = Source("example", "Example", Role.PLATFORM, read_example, secrets=frozenset({"ApiKey"}))


def now_ended(**fields: object) -> dict[str, object]:
    """What it posts of a call that has just ended."""
    now = utc_now()
    times = {"start": (now - timedelta(minutes=2)).isoformat(), "end": now.isoformat()}
    return {"id": "p-1", "event": "ended", "status": "completed", **times, **fields}
