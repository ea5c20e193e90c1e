"""Identity of an alert."""

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

Origin = Literal["rule", "custom"]


def fingerprint(origin: Origin, alert_type: str, labels: Mapping[str, str] | None = None) -> str:
    """Where an alert comes from, its rule or type, and its labels; never its severity."""
    identity = json.dumps([origin, alert_type, dict(labels or {})], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
