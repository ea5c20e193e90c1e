"""Figures, durations and stored codes as people read them, on the screen, in messages and in reports."""

from collections.abc import Callable
from datetime import timedelta

from core.models.definitions import Unit

NONE = "\N{EN DASH}"
_SHORT = frozenset({"llm", "asr", "tts", "api", "dnd", "sms", "otp", "http", "e2e", "crm", "sip"})


def number(value: float | None, unit: Unit) -> str:
    """Return a figure with its unit: ``1,204``, ``94.0 %``, ``812 ms``, ``3:05``, ``0.21``.

    A dash for none.
    """
    if value is None or value != value:  # noqa: PLR0124 (NaN is not equal to itself)
        return NONE
    return _WRITERS[unit](value)


def rupees(value: float) -> str:
    """Return an amount: ``₹2.35``, without paise from a thousand on."""
    return f"₹{value:,.0f}" if value >= 1_000 else f"₹{value:,.2f}"  # noqa: PLR2004 (paise below)


def duration(seconds: float) -> str:
    """Return minutes and seconds: ``3:05``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def lasted(length: timedelta) -> str:
    """Return how long something lasted, to the nearest minute: ``3 min``, ``4 h 50 min``, ``2 d 3 h``."""
    minutes = max(round(length.total_seconds() / 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0)
    return " ".join(parts[:2]) or "less than a minute"


def words(code: str) -> str:
    """Return a stored code in plain words: ``hung_up`` as Hung up, ``llm_timeout`` as LLM timeout."""
    parts = [part.upper() if part.lower() in _SHORT else part for part in code.split("_")]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def midway(text: str) -> str:
    """Return a label as it reads within a sentence: ``error rate``, ``LLM latency``."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


_WRITERS: dict[Unit, Callable[[float], str]] = {
    "share": lambda value: f"{100 * value:.1f} %",
    "ms": lambda value: f"{value:,.0f} ms",
    "s": duration,
    "score": lambda value: f"{value:+.2f}",
    "calls": lambda value: f"{value:,.0f}",
    "times": lambda value: f"{value:,.0f}",
    "rupees": rupees,
}
