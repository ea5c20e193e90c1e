"""Receipts of erasures below DATA_DIR/erasures/DATABASE: what was done about whom, not saying who it was.

A lead is known by a hash under a key of this folder, so that the same data is recognised where it comes back.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.clock import utc_now
from core.files import create_private, private_folder, sync
from core.logging_config import get_logger
from core.settings import get_settings

logger = get_logger("security")
_KEY_BYTES = 32


class Receipt(BaseModel):
    """One erasure: when, of whom by the hash alone, what went and what is left."""

    model_config = ConfigDict(extra="ignore")

    lead: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: datetime
    erased: dict[str, int]
    left: dict[str, int] = Field(description="Kinds of what is not rewritten, and how many of each there are")


class Receipts:
    """The receipts of a database (MONGODB_DATABASE) in this DATA_DIR."""

    def __init__(self) -> None:
        settings = get_settings()
        self.folder = settings.data_dir / "erasures" / settings.mongodb_database

    def keep(self, lead_id: str, erased: Mapping[str, int], left: Mapping[str, int]) -> Path:
        """Write a receipt; it is on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        private_folder(self.folder)
        if not self._key_file.exists():
            self._make_key()
            self.__dict__.pop("_key", None)
        receipt = Receipt(lead=self._name(lead_id), at=utc_now(), erased=dict(erased), left=dict(left))
        file = self.folder / f"{receipt.at:%Y%m%dT%H%M%S%f}-{receipt.lead[:12]}.json"
        with create_private(file) as content:
            content.write(receipt.model_dump_json(indent=1).encode() + b"\n")
            content.flush()
            os.fsync(content.fileno())
        sync(self.folder)
        return file

    def covers(self, lead_id: str | None, start: datetime) -> bool:
        """Whether a call of that start was of a lead that has been erased since."""
        if lead_id is None or not self._erased:
            return False
        erased_at = self._erased.get(self._name(lead_id))
        return erased_at is not None and start < erased_at

    @property
    def any(self) -> bool:
        """Whether anybody was ever erased."""
        return bool(self._erased)

    @property
    def _key_file(self) -> Path:
        return self.folder / "key"

    def _make_key(self) -> None:
        with create_private(self._key_file) as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())

    @cached_property
    def _key(self) -> bytes:
        return self._key_file.read_bytes()

    def _name(self, lead_id: str) -> str:
        return hmac.new(self._key, lead_id.encode(errors="replace"), hashlib.sha256).hexdigest()

    @cached_property
    def _erased(self) -> dict[str, datetime]:
        """When each lead was erased last."""
        latest: dict[str, datetime] = {}
        for file in sorted(self.folder.glob("*.json")):
            try:
                receipt = Receipt.model_validate_json(file.read_bytes())
            except (ValidationError, OSError) as error:
                extra = {"file": str(file), "reason": type(error).__name__}
                logger.warning("A receipt of an erasure cannot be read", extra=extra)
                continue
            latest[receipt.lead] = max(receipt.at, latest.get(receipt.lead, receipt.at))
        return latest
