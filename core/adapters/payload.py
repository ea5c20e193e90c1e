"""Read foreign payloads: each value by its dotted path, keeping track of fields nobody asked for."""

import math
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import orjson

from core.adapters.foreign_json import NoNumber
from core.clock import FIRST_YEAR, LAST_YEAR
from core.privacy.masking import mask_text

MOST_UNKNOWN = 50
"""Most fields that are listed; a payload may have any number."""
LONGEST_NAME = 120
LONGEST_ID, LONGEST_LINK = 256, 2_000
LONGEST_REASON = 200
LONGEST_WAIT_MS = 3_600_000
_DEEPEST = 20
"""Levels down to which unknown fields are listed individually; below, only their parent is."""
_FEWEST_DIGITS, _OF_NUMBER = 7, 10
"""For withheld numbers: shorter ones occur in other values by chance; the last ten digits exclude the
country."""
_NAMED_BY_NUMBER = "(a field named by a phone number)"
_NOTHING: frozenset[object] = frozenset({"", "null", "none", "n/a", "nil", "undefined"})
_TRUE, _FALSE = frozenset({"true", "yes", "1", "y"}), frozenset({"false", "no", "0", "n"})
_CLOCK = re.compile(r"(\d{1,4}):(\d{2}):(\d{2})(\.\d{1,6})?")
_EPOCH_UNITS = ((1e14, 1e6), (1e11, 1e3), (1e8, 1.0))
"""From which size a number is read as microseconds, milliseconds or seconds since 1970."""


class _Notes:
    """What the parts of a payload share: the whole payload, what has been read, and what was wrong."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.read: set[str] = set()
        self.withheld: set[str] = set()
        self.refused: dict[str, str] = {}


class Payload:
    """A JSON object or a form, read by dotted paths: ``call.customer.id``.

    What is read is remembered, so that :meth:`unknown` can list the rest. An invalid value is left out and
    listed in :attr:`refused`, by path, with the reason.
    """

    def __init__(self, content: Mapping[str, Any], _prefix: str = "", _notes: _Notes | None = None) -> None:
        self._content = content
        self._prefix = _prefix
        self._notes = _notes or _Notes(content)
        self.refused = self._notes.refused

    def name(self, path: str) -> str:
        """Return a path from the top of the payload."""
        return (self._prefix + path)[:LONGEST_NAME]

    def get(self, path: str) -> Any:  # noqa: ANN401 (foreign data)
        """Return the value at a path, whatever it is; None if there is none, or a word for none."""
        self.known(path)
        return self._value(path)

    def _value(self, path: str) -> Any:  # noqa: ANN401 (foreign data)
        value: Any = self._content
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return None if isinstance(value, str) and value.strip().lower() in _NOTHING else value

    def known(self, *paths: str) -> None:
        """Mark paths, with everything below them, as known although they are not used."""
        self._notes.read.update(self._prefix + path for path in paths)

    def withhold(self, *paths: str) -> None:
        """Mark paths as known, and the phone numbers there as never to be kept.

        A text, id or link that contains one of them is refused, wherever it is.
        """
        for path in paths:
            digits = _digits(_text(self.get(path)))
            if len(digits) >= _FEWEST_DIGITS:
                self._notes.withheld.add(digits[-_OF_NUMBER:])

    def text(self, path: str, most: int = 128) -> str | None:
        """Return a text, cut to ``most`` characters; numbers are converted."""
        value = self.get(path)
        if value is None or isinstance(value, bool):
            return None
        if not isinstance(value, str | int | float) or isinstance(value, NoNumber):
            self._refuse(path, "is no text")
            return None
        text = _text(value)
        if self._is_withheld(text):
            self._refuse(path, "holds a phone number")
            return None
        return text[:most] or None

    def reason(self, path: str) -> str | None:
        """Return a text that a person may have typed, with personal data masked."""
        self.known(path)
        value = self._value(path)
        text = (
            mask_text(value.strip()[: 5 * LONGEST_REASON])[:LONGEST_REASON] if isinstance(value, str) else ""
        )
        if self._is_withheld(text):
            self._refuse(path, "holds a phone number")
            return None
        return text or None

    def words(self, path: str) -> str | None:
        """Return what somebody said, as it is: a turn takes it, which is encrypted before it is stored."""
        value = self.get(path)
        return value if isinstance(value, str) else None

    def identifier(self, path: str) -> str | None:
        """Return an id, which is never cut; one longer than LONGEST_ID is refused."""
        text = self.text(path, LONGEST_ID + 1)
        if text is not None and len(text) > LONGEST_ID:
            self._refuse(path, f"is longer than {LONGEST_ID} characters")
            return None
        return text

    def link(self, path: str) -> str | None:
        """Return a web address of at most LONGEST_LINK characters."""
        text = self.text(path, LONGEST_LINK + 1)
        if text is None or (text.lower().startswith(("https://", "http://")) and len(text) <= LONGEST_LINK):
            return text
        self._refuse(path, "is no web address, or too long a one")
        return None

    def number(self, path: str, scale: float = 1.0) -> float | None:
        """Return a number of 0 or more, times ``scale``; digits in a text count."""
        number = self._number(path, scale)
        if number is not None and number < 0:
            self._refuse(path, "is negative")
            return None
        return number

    def amount(self, path: str, scale: float = 1.0) -> float | None:
        """Return an amount of money times ``scale``; some vendors write charges as negative numbers."""
        number = self._number(path, scale)
        return None if number is None else abs(number)

    def milliseconds(self, path: str, scale: float = 1.0) -> float | None:
        """Return a wait in milliseconds, times ``scale``; more than an hour is refused."""
        number = self.number(path, scale)
        if number is not None and number > LONGEST_WAIT_MS:
            self._refuse(path, "is more than an hour")
            return None
        return number

    def _number(self, path: str, scale: float) -> float | None:
        value = self.get(path)
        if value is None or isinstance(value, bool):
            return None
        try:
            number = float(value) * scale
        except (TypeError, ValueError, OverflowError):
            self._refuse(path, "is no number")
            return None
        if not math.isfinite(number):
            self._refuse(path, "is not finite")
            return None
        return round(number, 6)

    def count(self, path: str) -> int | None:
        """Return a whole number of 0 or more."""
        number = self.number(path)
        if number is None:
            return None
        if not number.is_integer():
            self._refuse(path, "is no whole number")
            return None
        return int(number)

    def flag(self, path: str) -> bool | None:
        """Return true or false, also from a word or digit."""
        value = self.get(path)
        if value is None or isinstance(value, bool):
            return value
        word = _text(value).lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
        self._refuse(path, "is neither true nor false")
        return None

    def seconds(self, path: str) -> float | None:
        """Return a duration in seconds, from a number of them or a text such as 00:01:40."""
        value = self.get(path)
        match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return self.number(path)
        hours, minutes, seconds, fraction = match.groups()
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(fraction or 0)

    def moment(self, path: str, zone: tzinfo = UTC) -> datetime | None:
        """Return a time in UTC, from ISO 8601, RFC 2822, or seconds, milliseconds or microseconds since 1970.

        Args:
            path: where it is.
            zone: the zone of a time that has none.
        """
        value = self.get(path)
        if value is None or isinstance(value, bool):
            return None
        moment = _moment(_text(value), zone)
        if moment is None or not _is_in_range(moment):
            self._refuse(path, "is no moment")
            return None
        return moment

    def part(self, path: str) -> "Payload":
        """Return the object at a path, also one written as JSON text; an empty one if there is none."""
        value = self._value(path)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            self.known(path)
            value = _parsed(value)
        return self.inner(path, value if isinstance(value, Mapping) else {})

    def named(self, path: str, name: str, value: str) -> "Payload":
        """Return the objects at a path (a list, or by key) as one: the ``value`` of each by its ``name``."""
        found = self.get(path)
        items = (
            list(found.values()) if isinstance(found, Mapping) else found if isinstance(found, list) else []
        )
        content = {
            str(item[name]): item.get(value) for item in items if isinstance(item, Mapping) and name in item
        }
        return self.inner(path, content)

    def inner(self, path: str, content: Mapping[str, Any]) -> "Payload":
        """Return what was made from the value at a path, to be read as part of this payload."""
        return Payload(content, f"{self._prefix}{path}.", self._notes)

    def parts(self, path: str, most: int = 2_000) -> list["Payload"]:
        """Return the objects of a list; other items are left out."""
        value = self._value(path)
        items = value if isinstance(value, list) else []
        return [
            Payload(item, f"{self._prefix}{path}[].", self._notes)
            for item in items[:most]
            if isinstance(item, Mapping)
        ]

    def unknown(self) -> tuple[str, ...]:
        """Return the paths nobody asked for, in order, MOST_UNKNOWN at most."""
        found: set[str] = set()
        for path in _leaves(self._notes.content, "", "", _DEEPEST, self._notes.read):
            found.add(_NAMED_BY_NUMBER if self._is_withheld(path) else path[:LONGEST_NAME])
            if len(found) == MOST_UNKNOWN:
                break
        return tuple(sorted(found))

    def _is_withheld(self, text: str) -> bool:
        digits = _digits(text)
        return any(number in digits for number in self._notes.withheld)

    def _refuse(self, path: str, reason: str) -> None:
        self.refused[self.name(path)] = reason


def unwrapped(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key, also one in JSON text; the content itself if there is none."""
    inner = content.get(key)
    if isinstance(inner, str):
        inner = _parsed(inner)
    return inner if isinstance(inner, Mapping) else content


def _text(value: object) -> str:
    try:
        return str(value).strip()
    except (ValueError, RecursionError):  # an integer with thousands of digits, or endless nesting
        return ""


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _leaves(value: Any, path: str, plain: str, levels: int, known: AbstractSet[str]) -> Iterator[str]:  # noqa: ANN401 (foreign data)
    """Yield the paths of single values that are not known; ``plain`` is the path without list markers."""
    if value is None or path in known or plain in known:
        return
    if levels and isinstance(value, Mapping) and value:
        for key, item in value.items():
            of_key = (f"{path}.{key}", f"{plain}.{key}") if path else (str(key), str(key))
            yield from _leaves(item, *of_key, levels - 1, known)
    elif levels and isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, f"{path}[]", plain, levels - 1, known)
    else:
        yield path


def _moment(text: str, zone: tzinfo) -> datetime | None:
    try:
        number = float(text)
    except ValueError:
        return _written(text, zone)
    for least, unit in _EPOCH_UNITS:
        if number >= least:
            try:
                return datetime.fromtimestamp(number / unit, UTC)
            except (OverflowError, ValueError, OSError):
                return None
    return None


def _written(text: str, zone: tzinfo) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (one carrier alone writes so)

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def ended(start: datetime | None, seconds: float | None) -> datetime | None:
    """Return when something ended, given its start and duration; None if either is unknown."""
    if start is None or seconds is None:
        return None
    try:
        end = start + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return end if _is_in_range(end) else None


def began(end: datetime | None, seconds: float | None) -> datetime | None:
    """Return when something began, given its end and duration; None if either is unknown."""
    return ended(end, None if seconds is None else -seconds)


def _is_in_range(moment: datetime) -> bool:
    """Return whether a call can have been then."""
    return FIRST_YEAR < moment.year <= LAST_YEAR
