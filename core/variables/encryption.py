"""The settings of encryption: keys, and what is personal besides the usual names."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.variables.kinds import CommaList, in_lower_case
from core.variables.master_keys import SecretKey, SecretKeys


class Encryption(BaseModel):
    """Part of :class:`core.variables.protection.Protection`."""

    encryption_keys: SecretKeys = Field(
        default=(),
        description="Keys that encrypt lead keys, name:base64; the first for new ones; docs/encryption.md",
    )
    blind_index_key: SecretKey = Field(
        default=None, description="Key to find leads by phone number, 32 bytes in base64; must never change"
    )
    encrypted_fields: CommaList = Field(
        default=(),
        description="More metadata to treat as personal, by path, comma separated: loan.account",
    )
    record_transcripts: bool = Field(
        default=False,
        description="Let adapters record transcripts; stored encrypted, or not at all without a key",
    )
    lead_id_phones: Annotated[Literal["replace", "keep"], BeforeValidator(in_lower_case)] = Field(
        default="replace",
        description="`replace` phone numbers in lead_id by a blind index (with BLIND_INDEX_KEY), or `keep`",
    )
    erasure_receipt_key: SecretKey = Field(
        default=None,
        description="Key that signs erasure receipts, 32 bytes in base64; generated in `DATA_DIR` if not set",
    )
