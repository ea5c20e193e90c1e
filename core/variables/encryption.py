"""The settings of encryption: keys, and what is personal besides the usual names."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.variables.kinds import CommaList, in_lower_case
from core.variables.master_keys import SecretKey, SecretKeys


class Encryption(BaseModel):
    """Part of :class:`core.variables.protection.Protection`."""

    encryption_keys: SecretKeys = Field(
        default=(),
        description="Keys that wrap each lead's key, name:base64, comma separated; the first wraps new ones",
    )
    blind_index_key: SecretKey = Field(
        default=None, description="Key by which a lead is found by phone; never changes; 32 bytes in base64"
    )
    encrypted_fields: CommaList = Field(
        default=(), description="Further metadata that is personal, by its path: loan.account, by commas"
    )
    lead_id_phones: Annotated[Literal["replace", "keep"], BeforeValidator(in_lower_case)] = Field(
        default="replace",
        description="What becomes of a phone given as lead_id where BLIND_INDEX_KEY is set",
    )
    erasure_receipt_key: SecretKey = Field(
        default=None, description="Key that signs receipts of erasures; else one is made in DATA_DIR"
    )
