"""Receipts of erasures below DATA_DIR/erasures/DATABASE: what was erased, without saying who it was about.

A lead is known by a hash under a key kept in this folder, so that its data is recognised if it comes back.
Each receipt is signed (Ed25519) by ERASURE_RECEIPT_KEY, or else by a key derived from that of the folder.
"""

import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.clock import utc_now
from core.errors import UserError
from core.files import private_folder, sync, write_durably
from core.logging_config import get_logger
from core.privacy.sensitive import phone_of, stored_lead_id
from core.settings import get_settings
from core.storage.sealing.contents import OF_CALL
from core.variables.master_keys import key_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

logger = get_logger("security")
_KEY_BYTES = 32


class ReceiptError(UserError):
    """A receipt does not match its signature, or that cannot be checked here; the text says which."""


class Receipt(BaseModel):
    """One erasure: when, of whom (only as a hash), by whom, what was erased and what is left."""

    model_config = ConfigDict(extra="ignore")

    lead: str = Field(pattern=r"^[0-9a-f]{64}$")
    calls: list[str] = Field(
        default_factory=list, description="Hashes of its calls, under each id that they are known by"
    )
    at: datetime
    erased: dict[str, int]
    left: dict[str, int] = Field(description="Kinds of what is not rewritten, and how many of each there are")
    kept: int = Field(default=0, description="Calls that still count, of nobody")
    counts: bool = Field(default=True, description="Whether its calls were to count on, of nobody")
    by: str = Field(default="", description="Who erased")
    restricted_at: datetime | None = Field(default=None, description="Since when it was hidden, where it was")
    due_at: datetime | None = Field(default=None, description="Until when it had to be kept, where it had")
    completes: datetime | None = Field(
        default=None, description="When the lead was erased, if this is about what arrived late"
    )
    public_key: str = Field(default="", description="By which the signature is checked, in hexadecimal")
    signature: str = Field(default="", description="Of all the rest, in hexadecimal; none in those of before")


class Receipts:
    """The receipts of a database (MONGODB_DATABASE) in this DATA_DIR."""

    def __init__(self) -> None:
        settings = get_settings()
        self.folder = settings.data_dir / "erasures" / settings.mongodb_database

    def keep(
        self,
        lead_id: str,
        erased: Mapping[str, int],
        left: Mapping[str, int],
        **about: Any,  # noqa: ANN401 (fields of Receipt)
    ) -> Path:
        """Write a signed receipt; it is on the disk when this returns.

        Args:
            lead_id: whose data was erased.
            erased: what was erased.
            left: what people have to take care of themselves.
            about: further fields of :class:`Receipt`.

        Raises:
            OSError: it cannot be written.
        """
        lead = self.name_of(phone_of(lead_id) or lead_id)
        fields = {"lead": lead, "at": utc_now(), "erased": erased, "left": left, **about}
        receipt = self._signed(Receipt.model_validate(fields))
        file = self.folder / f"{receipt.at:%Y%m%dT%H%M%S%f}-{receipt.lead[:12]}.json"
        self._write(file, receipt.model_dump_json(indent=1).encode() + b"\n")
        return file

    def name_of(self, text: str) -> str:
        """Return the hash by which a receipt knows a lead, under this folder's key.

        The first use makes the key.

        Raises:
            ReceiptError: there are receipts, but not their key.
            OSError: the key cannot be written.
        """
        if not self._key_file.exists() and not any(self.folder.glob("*.json")):
            private_folder(self.folder)
            with suppress(FileExistsError):  # another process was faster
                self._write(self._key_file, secrets.token_bytes(_KEY_BYTES))
            self.__dict__.pop("_key", None)
        return self._name(text)

    def verify(self, file: Path, public_key: str | None = None) -> Receipt:
        """Return a receipt after checking its signature.

        Args:
            file: the receipt.
            public_key: whose signature to expect, in hexadecimal; this installation's if left out.

        Raises:
            ReceiptError: it was changed, or was signed with another key.
        """
        try:
            raw = orjson.loads(file.read_bytes())
            receipt = Receipt.model_validate(raw)
            public, signature = bytes.fromhex(receipt.public_key), bytes.fromhex(receipt.signature)
        except OSError as error:
            raise ReceiptError(f"{file} cannot be read: {error.strerror}") from None
        except ValueError:
            raise ReceiptError(f"{file} is not a receipt") from None
        if not signature:
            raise ReceiptError(f"{file} has no signature: it is older than signed receipts")
        if receipt.public_key != (public_key or self.public_key):
            raise ReceiptError(
                f"{file} is signed by another key: name the one that is trusted with --public-key"
            )
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (rarely needed)
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 (likewise)

        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, _to_sign(raw))
        except (InvalidSignature, ValueError):
            raise ReceiptError(f"{file} does not match its signature") from None
        return receipt

    @property
    def public_key(self) -> str:
        """Return the key that checks this installation's signatures, in hexadecimal; empty if it has none."""
        return self._signer().public_key().public_bytes_raw().hex() if self._has_key else ""

    @property
    def _has_key(self) -> bool:
        return get_settings().erasure_receipt_key is not None or self._key_file.exists()

    def _signed(self, receipt: Receipt) -> Receipt:
        receipt = receipt.model_copy(update={"public_key": self.public_key})
        raw = orjson.loads(receipt.model_dump_json())
        return receipt.model_copy(update={"signature": self._signer().sign(_to_sign(raw)).hex()})

    def _signer(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 (rarely needed)

        given = get_settings().erasure_receipt_key
        secret = self._key if given is None else key_bytes(given.get_secret_value())
        return Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, b"receipts of erasures", "sha256"))

    def covers(self, lead_id: str | None, start: datetime) -> bool:
        """Return whether a call that began then belongs to a lead that has been erased since."""
        if lead_id is None:
            return False
        at = self.erased_at(lead_id)
        return at is not None and start < at

    def covers_call(
        self, call_id: str, start: datetime | None = None, leads: Iterable[str] | None = None
    ) -> bool:
        """Return whether a call has been erased, with any of some leads if they are given.

        It has not been if it began after that.
        """
        if not self._owners:
            return False
        name = self._name(f"{OF_CALL}{call_id}")
        # What a foreign writer stored as the start may be no time.
        if name not in self._owners or (isinstance(start, datetime) and start >= self._erased[name]):
            return False
        return leads is None or not self._owners[name].isdisjoint(self._names_of(leads))

    def knows_calls(self, leads: Iterable[str] | None = None) -> bool:
        """Return whether any call was erased, with any of some leads if they are given."""
        owners = set().union(*self._owners.values())
        return bool(owners if leads is None else owners & self._names_of(leads))

    def counts_call(self, call_id: str) -> bool:
        """Return whether an erased call was to count on."""
        return not self._uncounted or self._name(f"{OF_CALL}{call_id}") not in self._uncounted

    def counts_lead(self, lead_id: str) -> bool:
        """Return whether an erased lead's calls were to count on."""
        return self._uncounted.isdisjoint(self._names_of([lead_id]))

    def erased_at(self, lead_id: str) -> datetime | None:
        """Return when a lead was last erased; None if it never was."""
        times = [self._erased[name] for name in self._names_of([lead_id]) if name in self._erased]
        return max(times, default=None)

    @property
    def any(self) -> bool:
        """Return whether anything was ever erased."""
        return bool(self._erased)

    @property
    def _key_file(self) -> Path:
        return self.folder / "key"

    def _write(self, file: Path, content: bytes) -> None:
        """Write a new file that is there whole or not at all, however the process ends."""
        draft = file.with_name(f"{file.name}.{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        try:
            write_durably(draft, content)
            os.link(draft, file)
        finally:
            draft.unlink(missing_ok=True)
        sync(self.folder)

    @cached_property
    def _key(self) -> bytes:
        try:
            key = self._key_file.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise ReceiptError(
                f"{self._key_file}, by which receipts know leads, is missing or damaged: restore it from a "
                "copy, or move this folder away to begin anew"
            )
        return key

    def _name(self, lead_id: str) -> str:
        return hmac.digest(self._key, lead_id.encode(errors="replace"), "sha256").hex()

    def _names_of(self, leads: Iterable[str]) -> set[str]:
        if not self._receipts:
            return set()
        # Of a number, receipts name all spellings by one; older ones name the spelling that was erased.
        return {self._name(text) for lead in leads for text in {stored_lead_id(lead), phone_of(lead) or lead}}

    @cached_property
    def _receipts(self) -> list[Receipt]:
        found: list[Receipt] = []
        for file in sorted(self.folder.glob("*.json")):
            try:
                found.append(Receipt.model_validate_json(file.read_bytes()))
            except (ValidationError, OSError) as error:
                extra = {"file": str(file), "reason": type(error).__name__}
                logger.warning("A receipt of an erasure cannot be read", extra=extra)
        return found

    @cached_property
    def _erased(self) -> dict[str, datetime]:
        """When each lead, and each call, was last erased."""
        latest: dict[str, datetime] = {}
        for receipt in self._receipts:
            # What came late was erased later, but the lead's calls in between are new ones.
            at = receipt.completes or receipt.at
            for name in (receipt.lead, *receipt.calls):
                latest[name] = max(at, latest.get(name, at))
        return latest

    @cached_property
    def _uncounted(self) -> set[str]:
        """The leads and calls that were not to count on."""
        return {
            name
            for receipt in self._receipts
            if not receipt.counts
            for name in (receipt.lead, *receipt.calls)
        }

    @cached_property
    def _owners(self) -> dict[str, set[str]]:
        """The leads that each erased call was erased with."""
        owners: dict[str, set[str]] = {}
        for receipt in self._receipts:
            for name in receipt.calls:
                owners.setdefault(name, set()).add(receipt.lead)
        return owners


def _to_sign(raw: Mapping[str, Any]) -> bytes:
    """Return everything a receipt says except its signature, in one form, however the file is formatted."""
    return orjson.dumps(
        {name: value for name, value in raw.items() if name != "signature"}, option=orjson.OPT_SORT_KEYS
    )
