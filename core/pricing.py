"""What a call's use of models and voices cost: PRICES_FILE, a table of prices and exchange rates.

A price that is not in the table is unknown, never 0; that part of the cost is then unknown as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError, names_of, one_line
from core.files import read_toml
from core.logging_config import get_logger
from core.models.calls.parts import HOME_CURRENCY, CallCost, ModelUsage, known_costs
from core.models.metrics import CallMetrics
from core.models.values import NO_FLAG
from core.settings import get_settings

logger = get_logger("metrics")
_MILLION, _MINUTE = 1_000_000, 60
Amount = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False), NO_FLAG]
PART_OF: Mapping[str, Literal["asr", "llm", "tts"]] = {
    "llm": "llm",
    "realtime": "llm",
    "asr": "asr",
    "tts": "tts",
}
"""The part of a call's cost that each kind of usage belongs to."""


class Price(BaseModel):
    """What one model or voice costs. A model that ends in ``*`` stands for all that begin with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field(min_length=1, max_length=128)
    model: str = Field(default="*", min_length=1, max_length=128)
    currency: str = Field(default=HOME_CURRENCY, pattern=r"^[A-Z]{3}$")
    input_per_million: Amount | None = Field(default=None, description="For a million tokens")
    cached_per_million: Amount | None = Field(default=None, description="Else as input_per_million")
    output_per_million: Amount | None = None
    characters_per_million: Amount | None = None
    audio_per_minute: Amount | None = None

    def amount(self, usage: ModelUsage) -> float | None:
        """Return what a usage costs in ``currency``; None if part of it has no price here."""
        cached = min(usage.cached_tokens or 0, usage.input_tokens or 0)
        cached_price = self.input_per_million if self.cached_per_million is None else self.cached_per_million
        parts = (
            ((usage.input_tokens or 0) - cached, self.input_per_million, _MILLION),
            (cached, cached_price, _MILLION),
            (usage.output_tokens or 0, self.output_per_million, _MILLION),
            (usage.characters or 0, self.characters_per_million, _MILLION),
            (usage.audio_seconds or 0, self.audio_per_minute, _MINUTE),
        )
        used = [(units, price, per) for units, price, per in parts if units]
        priced = [units * price / per for units, price, per in used if price is not None]
        # Voices are billed by characters or by time, and report both, so one price is enough.
        enough = len(priced) == len(used) or (usage.kind in {"tts", "asr"} and priced)
        return sum(priced) if used and enough else None


class PriceTable(BaseModel):
    """A whole PRICES_FILE: ``[rates]`` in rupees per unit of a currency, and ``[[price]]`` entries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Annotated[float, Field(gt=0), NO_FLAG]] = Field(
        default_factory=dict
    )
    price: tuple[Price, ...] = ()

    def rate(self, currency: str) -> float | None:
        """Return the rupees per unit of a currency; None if unknown."""
        return 1.0 if currency == HOME_CURRENCY else self.rates.get(currency)

    def rupees(self, usage: ModelUsage) -> float | None:
        """Return what a usage cost in rupees; None if price or rate is unknown."""
        price = self._price_of(usage)
        amount = price.amount(usage) if price else None
        rate = self.rate(price.currency) if price else None
        return None if amount is None or rate is None else amount * rate

    def _price_of(self, usage: ModelUsage) -> Price | None:
        provider, model = (usage.provider or "").lower(), (usage.model or "").lower()
        fitting = [
            price
            for price in self.price
            if price.provider.lower() == provider
            and (
                price.model.lower() == model
                or (price.model.endswith("*") and model.startswith(price.model[:-1].lower()))
            )
        ]
        return max(fitting, key=lambda price: (not price.model.endswith("*"), len(price.model)), default=None)


def price_table() -> PriceTable:
    """Return the prices of PRICES_FILE, read again when the file changes; an empty table without one.

    Raises:
        UserError: the file is missing, not TOML, or has an invalid key or value.
    """
    path = get_settings().prices_file
    if path is None:
        return PriceTable()
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise UserError(f"PRICES_FILE={path} cannot be read: {error.strerror}") from None


def prices_in_force() -> PriceTable:
    """Return the prices of PRICES_FILE; those of its last good form while it cannot be used.

    The log says so, once for each change of the file.

    Raises:
        UserError: it cannot be used, and could not be since this process began.
    """
    path = get_settings().prices_file
    try:
        table = price_table()
    except UserError as error:
        if path not in _good:
            raise
        _tell_refused(path, str(error))
        return _good[path]
    if path is not None:
        _good[path] = table
        _told.pop(path, None)
    return table


_good: dict[Path | None, PriceTable] = {}
_told: dict[Path | None, tuple[int | None, str]] = {}
"""What of each file was last refused, and why."""


def _tell_refused(path: Path | None, reason: str) -> None:
    refused = _changed(path), reason
    if _told.get(path) != refused:
        _told[path] = refused
        logger.error(
            "The price file cannot be used; its last good form stays in force", extra={"reason": reason}
        )


def _changed(path: Path | None) -> int | None:
    try:
        return path.stat().st_mtime_ns if path else None
    except OSError:
        return None


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> PriceTable:
    try:
        return PriceTable.model_validate(read_toml(path, f"PRICES_FILE={path}"))
    except ValidationError as error:
        raise UserError(f"PRICES_FILE={path}: {one_line(error, names_of(PriceTable))}") from None


def cost_of(usage: Iterable[ModelUsage], table: PriceTable) -> tuple[dict[str, float], list[str]]:
    """Return the rupees by part of the cost, and the models without a price; their part is left out."""
    amounts: defaultdict[str, float] = defaultdict(float)
    unpriced: list[ModelUsage] = []
    for one in usage:
        rupees = table.rupees(one)
        if rupees is None:
            unpriced.append(one)
        else:
            amounts[PART_OF[one.kind]] += rupees
    unknown = {PART_OF[one.kind] for one in unpriced}
    names = [f"{one.provider or 'unknown'}/{one.model or 'unknown'}" for one in unpriced]
    return {part: round(sum_, 6) for part, sum_ in amounts.items() if part not in unknown}, names


def priced(call: CallMetrics) -> CallMetrics:
    """Return a call with the parts of its cost that follow from its usage; parts it already has stay.

    If the table never could be read, the call stays as it is, and the log says so.
    """
    if not call.usage and not (call.cost and call.cost.origins):
        return call
    try:
        table = prices_in_force()
        amounts, unpriced = cost_of(call.usage or (), table)
    except UserError as error:
        logger.warning("Usage is not priced", extra={"reason": str(error)})
        return call
    if unpriced:
        logger.info("Usage without a price", extra={"call_id": call.call_id, "models": sorted(set(unpriced))})
    cost = in_rupees(call.cost, table) if call.cost else CallCost()
    given = known_costs(cost.model_dump()).keys() | (cost.origins or {})
    more = {part: amount for part, amount in amounts.items() if part not in given}
    return call.model_copy(update={"cost": cost.model_copy(update=more)}) if more or call.cost else call


def in_rupees(cost: CallCost, table: PriceTable) -> CallCost:
    """Return a cost with the rupees of parts in other currencies, if the table has their rate."""
    changed: dict[str, Any] = {}
    origins = dict(cost.origins or {})
    for part, origin in origins.items():
        rate = table.rate(origin.currency)
        if origin.rate is None and rate is not None:
            origins[part] = origin.model_copy(update={"rate": rate})
            changed[part] = origins[part].rupees
    return cost.model_copy(update={**changed, "origins": origins}) if changed else cost
