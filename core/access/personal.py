"""Which parts of a call are personal, and what replaces them for those who may not see them."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

from pymongo import ReturnDocument
from pymongo.database import Database

from core.models.metrics import CallMetrics
from core.privacy.sensitive import person_of
from core.storage.collections import INSTALLATION
from core.types import Document

LEFT_OUT = ("metadata", "links")
"""Fields that are left out: what else the agent knows about the lead, the recording and the transcript."""
_KEY_ID, _KEY_BYTES, _SHOWN = "lead_names", 32, 8
Naming = Callable[[str], str]


def lead_names(database: Database[Document]) -> Naming:
    """Return a function that names leads without identifying them: the same lead always as ``lead-3f9a…``.

    A phone has one name in all its spellings. The key is created with the store and stays in it. Without it,
    no name can be traced back by trying ids.
    """
    row = database[INSTALLATION].find_one({"_id": _KEY_ID})
    if row is None:
        made = {"$setOnInsert": {"key": secrets.token_bytes(_KEY_BYTES)}}
        row = database[INSTALLATION].find_one_and_update(
            {"_id": _KEY_ID}, made, upsert=True, return_document=ReturnDocument.AFTER
        )
    key: bytes = row["key"] if row else b""  # an upsert always returns a row

    def name(lead_id: str) -> str:
        digest = hmac.new(key, person_of(lead_id).encode(errors="replace"), hashlib.sha256).hexdigest()
        return f"lead-{digest[:_SHOWN]}"

    return name


def hidden(call: CallMetrics, name: Naming) -> CallMetrics:
    """Return a call without its personal data."""
    consent = call.compliance.model_copy(update={"consent_id": None}) if call.compliance else None
    return call.model_copy(
        update={
            "lead_id": name(call.lead_id) if call.lead_id else None,
            "metadata": {},
            "links": None,
            "compliance": consent,
        }
    )


def hidden_row(row: Mapping[str, object], name: Naming) -> Document:
    """Return a stored call without its personal data."""
    kept = {field: value for field, value in row.items() if field not in (*LEFT_OUT, "compliance")}
    lead = row.get("lead_id")
    return kept | ({"lead_id": name(str(lead))} if lead else {})
