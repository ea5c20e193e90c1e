"""The settings of encryption: keys, and what is personal besides the usual names."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.variables.kinds import CommaList, in_lower_case
from core.variables.master_keys import SecretKey, SecretKeys


class Encryption(BaseModel):
    """Part of :class:`core.variables.protection.Protection`."""

    encryption_keys: SecretKeys = Field(
        default=(),
        description="Keys that wrap each lead's, name:base64; the first wraps new ones; docs/encryption.md",
    )
    blind_index_key: SecretKey = Field(
        default=None, description="Key by which a lead is found by phone; never changes; 32 bytes in base64"
    )
    encrypted_fields: CommaList = Field(
        default=(),
        description="Further metadata that is personal, by its path: loan.account, comma separated",
    )
    record_transcripts: bool = Field(
        default=False,
        description="Whether adapters record what was said in turns; it is stored encrypted, or left out",
    )
    lead_id_phones: Annotated[Literal["replace", "keep"], BeforeValidator(in_lower_case)] = Field(
        default="replace",
        description="`replace` a phone given as lead_id by its blind index (with BLIND_INDEX_KEY), or `keep`",
    )
    erasure_receipt_key: SecretKey = Field(
        default=None,
        description="Key that signs receipts of erasures, 32 bytes in base64; else made in `DATA_DIR`",
    )
