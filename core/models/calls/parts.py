"""What a call is made of beside its figures: errors, cost, usage, telephony, links, consent, silences."""

from enum import StrEnum
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.models.definitions import COST_PARTS
from core.models.values import MOST_RUPEES, Count, Milliseconds, Rupees, Seconds, Total, UtcDatetime

HOME_CURRENCY = "INR"
Text = Annotated[str, Field(min_length=1, max_length=128)]


def _web_address(value: str) -> str:
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError("is no web address: it begins with neither https:// nor http://")
    return value


Link = Annotated[str, Field(max_length=2_000), AfterValidator(_web_address)]


CostPart = Literal["asr", "llm", "tts", "telephony", "platform", "other"]


class Fault(StrEnum):
    """Whose fault it was."""

    CUSTOMER = "customer"
    AGENT = "agent"
    PROVIDER = "provider"
    CARRIER = "carrier"


class HangupBy(StrEnum):
    """Who ended a call; ``system`` is whatever runs the agent: a limit, a shutdown."""

    CUSTOMER = "customer"
    AGENT = "agent"
    CARRIER = "carrier"
    SYSTEM = "system"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", use_enum_values=True)


class CallError(_Part):
    """Something that went wrong in a call, counted by its type. A plain text is taken for the type."""

    type: str = Field(min_length=1, max_length=160, description="Short and the same each time: asr_timeout")
    fault: Fault | None = None
    at: UtcDatetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_type(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value


class CallCost(_Part):
    """What a call cost, in rupees, by part; a part that is not known is left out.

    Amounts in another ``currency`` are multiplied by ``rate``, rupees for one of it, and kept as they were
    given in ``original``. Where the rate is not known the rupees are not either.
    """

    asr: Rupees | None = None
    llm: Rupees | None = None
    tts: Rupees | None = None
    telephony: Rupees | None = None
    platform: Rupees | None = Field(default=None, description="Fee of the platform that runs the agent")
    other: Rupees | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description="ISO 4217, where not INR")
    rate: float | None = Field(default=None, gt=0, le=1_000_000, description="Rupees for one of the currency")
    original: dict[CostPart, Rupees] | None = Field(default=None, description="The parts in that currency")

    @model_validator(mode="after")
    def _in_rupees(self) -> Self:
        if self.currency in {None, HOME_CURRENCY}:
            self.currency = self.rate = self.original = None
        elif self.original is None:
            amounts: dict[CostPart, float | None] = {part: getattr(self, part) for part in get_args(CostPart)}
            self.original = {part: amount for part, amount in amounts.items() if amount is not None}
            for part, amount in self.original.items():
                rupees = None if self.rate is None else round(amount * self.rate, 6)
                setattr(self, part, rupees if rupees is None or rupees <= MOST_RUPEES else None)
        if not self.original and all(getattr(self, part) is None for part in COST_PARTS):
            self.currency = self.rate = self.original = None
        return self


class ModelUsage(_Part):
    """What a call used of one model or voice; PRICES_FILE turns it into cost."""

    kind: Literal["llm", "asr", "tts", "realtime"]
    provider: Text | None = None
    model: Text | None = None
    input_tokens: Total | None = Field(default=None, ge=0, description="Cached ones included")
    cached_tokens: Total | None = Field(default=None, ge=0)
    output_tokens: Total | None = Field(default=None, ge=0)
    characters: Total | None = Field(default=None, ge=0)
    audio_seconds: float | None = Field(default=None, ge=0, le=7 * 86_400, allow_inf_nan=False)


class Telephony(_Part):
    """Who carried a call, and from which series of numbers."""

    provider: Text | None = Field(default=None, description="exotel, plivo, twilio …")
    number_series: str | None = Field(
        default=None, max_length=16, description="First digits of the calling number: 140, 1600"
    )


class Links(_Part):
    """Where recording, transcript and trace of a call are kept; they are not copied."""

    recording: Link | None = None
    transcript: Link | None = None
    trace: Link | None = None


class Compliance(_Part):
    """What an auditor asks of a call."""

    consent_id: Text | None = Field(default=None, description="The record of the lead's consent")
    disclosure_given: bool | None = Field(default=None, description="The agent said who calls and why")
    recording_notice: bool | None = Field(default=None, description="The agent said that it is recorded")
    dnd_checked_at: UtcDatetime | None = Field(
        default=None, description="When the number was looked up in the do-not-disturb register"
    )
    opt_out: bool | None = Field(default=None, description="The lead asked not to be called again")


class Silence(_Part):
    """A stretch in which a side that was to speak did not."""

    by: Literal["customer", "agent"]
    seconds: Seconds
    at: UtcDatetime | None = Field(default=None, description="When it began")
    turn: Count | None = Field(default=None, ge=1)
    ended_call: bool = Field(default=False, description="The call ended in it")


class WaitPart(_Part):
    """A part of what the lead waited in a turn, and who can shorten it."""

    key: Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*$")]
    ms: Milliseconds
    owner: Literal["service", "setting", "agent", "network"]
