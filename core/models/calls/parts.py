"""What a call consists of besides its figures: errors, cost, usage, telephony, links, consent, silences."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.models.definitions import COST_PARTS, CostPart
from core.models.values import (
    MOST_RUPEES,
    NUMBER,
    Flag,
    Milliseconds,
    Ordinal,
    Rupees,
    Seconds,
    Total,
    UtcDatetime,
)

HOME_CURRENCY = "INR"
Text = Annotated[str, Field(min_length=1, max_length=128)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Rate = Annotated[float, Field(gt=0, le=1_000_000, description="Rupees for one of the currency"), NUMBER]


def _web_address(value: str) -> str:
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError("is not a URL: it must start with https:// or http://")
    return value


Link = Annotated[str, Field(max_length=2_000), AfterValidator(_web_address)]


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


ErrorType = Annotated[
    str, Field(min_length=1, max_length=160, description="Short and the same each time: asr_timeout")
]


class CallError(_Part):
    """Something that went wrong in a call, counted by its type."""

    type: ErrorType
    fault: Fault | None = None
    at: UtcDatetime | None = None


def _of_type(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


CallErrors = list[
    Annotated[CallError, BeforeValidator(_of_type, json_schema_input_type=CallError | ErrorType)]
]
"""A plain text is read as the type of an error."""


class Origin(_Part):
    """A part of a cost as it was given, in a currency other than rupees."""

    amount: Rupees
    currency: Currency
    rate: Rate | None = None

    @property
    def rupees(self) -> float | None:
        """Return the amount in rupees; None if the rate is unknown, or the result impossible."""
        rupees = None if self.rate is None else round(self.amount * self.rate, 6)
        return rupees if rupees is None or rupees <= MOST_RUPEES else None


class CallCost(_Part):
    """What a call cost, in rupees, by part; unknown parts are left out.

    Parts given in another ``currency`` are multiplied by ``rate`` (rupees per unit of it), and kept as given
    in ``origins``, each with both. If the rate is unknown, so are the rupees.
    """

    asr: Rupees | None = None
    llm: Rupees | None = None
    tts: Rupees | None = None
    telephony: Rupees | None = None
    platform: Rupees | None = Field(default=None, description="Fee of the platform that runs the agent")
    other: Rupees | None = None
    currency: Currency | None = Field(default=None, description="Of the parts given here; kept in origins")
    rate: Rate | None = Field(default=None, description="Of that currency; kept in origins")
    origins: dict[CostPart, Origin] | None = Field(
        default=None, description="The parts that were not given in rupees, as they were given"
    )

    @model_validator(mode="before")
    @classmethod
    def _origins_of_before(cls, value: object) -> object:
        """Read ``original``, the amounts in the one currency that a cost used to have."""
        if not isinstance(value, dict) or "original" not in value:
            return value
        fields = {name: item for name, item in value.items() if name not in {"original", "currency", "rate"}}
        return fields | {"origins": origins_of_before(value)}

    @model_validator(mode="after")
    def _in_rupees(self) -> Self:
        if self.currency not in {None, HOME_CURRENCY}:
            known = dict(self.origins or {})
            for part in get_args(CostPart):
                if part not in known and (amount := getattr(self, part)) is not None:
                    known[part] = Origin(amount=amount, currency=self.currency, rate=self.rate)
                    setattr(self, part, known[part].rupees)
            self.origins = known
        self.currency = self.rate = None
        self.origins = self.origins or None
        return self


def origins_of_before(cost: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``origins`` of a cost stored in the earlier form: all of it in one currency."""
    given = {name: cost[name] for name in ("currency", "rate") if cost.get(name) is not None}
    return {part: {"amount": amount, **given} for part, amount in (cost.get("original") or {}).items()}


def known_costs(cost: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the rupees by part of a stored call's cost, without unknown parts."""
    return {part: cost[part] for part in COST_PARTS if cost.get(part) is not None} if cost else {}


def rupees_in_all(cost: Mapping[str, Any] | None) -> float | None:
    """Return the total rupees of a stored call's cost; None if nothing is known."""
    known = known_costs(cost)
    return round(sum(known.values()), 2) if known else None


class ModelUsage(_Part):
    """What a call used of one model or voice; PRICES_FILE turns it into cost."""

    kind: Literal["llm", "asr", "tts", "realtime"]
    provider: Text | None = None
    model: Text | None = None
    input_tokens: Total | None = Field(default=None, description="Cached ones included")
    cached_tokens: Total | None = None
    output_tokens: Total | None = None
    characters: Total | None = None
    audio_seconds: Seconds | None = None


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
    disclosure_given: Flag | None = Field(default=None, description="The agent said who calls and why")
    recording_notice: Flag | None = Field(default=None, description="The agent said that it is recorded")
    dnd_checked_at: UtcDatetime | None = Field(
        default=None, description="When the number was looked up in the do-not-disturb register"
    )
    opt_out: Flag | None = Field(default=None, description="The lead asked not to be called again")


class Silence(_Part):
    """A period in which a side that should have spoken did not."""

    by: Literal["customer", "agent"]
    seconds: Seconds
    at: UtcDatetime | None = Field(default=None, description="When it began")
    turn: Ordinal | None = None
    ended_call: Flag = Field(default=False, description="The call ended in it")


class WaitPart(_Part):
    """A part of what the lead waited for in a turn, and who can shorten it."""

    key: Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*$")]
    ms: Milliseconds
    owner: Literal["service", "setting", "agent", "network"]


class ToolCall(_Part):
    """Something the agent looked up or triggered in a turn: a function of its own code, by name."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    ms: Milliseconds | None = Field(default=None, description="How long it took")
    ok: Flag = Field(default=True, description="It did not fail")
    at: UtcDatetime | None = Field(default=None, description="When it began")
