"""Mask whatever identifies or authenticates a person, before a line leaves the process.

A masked value keeps its kind and, where that is safe, its last digits: ``[phone …3210]``.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from core.privacy import first_look as look
from core.privacy.credentials import mask_credentials
from core.privacy.documents import mask_named_papers, mask_unnamed_papers
from core.privacy.identities import (
    is_postal,
    mask_accounts,
    mask_addresses,
    mask_papers,
    mask_people,
)
from core.privacy.introductions import mask_introduced
from core.privacy.keys import Kind, free_name, is_code, is_measure, kind_of, looks_made_by_chance
from core.privacy.kinds import ESCAPED, Active, chosen
from core.privacy.numbers import mask_named_numbers, mask_number, mask_numbers, mask_of
from core.privacy.sensitive import stored_lead_id
from core.privacy.spoken import mask_spoken_digits, mask_spoken_mail
from core.privacy.transcripts import mask_of_transcript, mask_transcripts

# Reading an enum member takes as long as masking a short text.
_OPEN, _KEPT, _LEAD, _SECRET = Kind.OPEN, Kind.KEPT, Kind.LEAD, Kind.SECRET
_TOKENS, _IDENTIFIER, _KEY, _KEYED = Kind.TOKENS, Kind.IDENTIFIER, Kind.KEY, Kind.KEYED
_COUNT = Kind.COUNT
_DOB, _NAME, _PERSON = Kind.DOB, Kind.NAME, Kind.PERSON
_MASKED = "[masked]"
_ESCAPES = tuple(zip(("\\n", "\\r", "\\t"), ESCAPED, strict=True))
_MASK = re.compile(r"\[(?:[a-z_]{3,12}(?: …\d{4})?|transcript of \d+ characters)\]")
_UNMASKABLE = "[text that could not be masked]"
SHORT = 64
"""Longest text, in characters, that is likely to come again: statuses, languages and most messages."""
_SMALLEST_PERSONAL_NUMBER = 1_000_000
_SMALLEST_PHONE = 6_000_000_000
_FEWEST_IN_PAN, _FEWEST_IN_ACCOUNT, _FEWEST_IN_PHONE = 4, 8, 10

_active = Active()


def configure_masking(
    *, off: Iterable[str] | None = None, own: Mapping[str, str | re.Pattern[str]] | None = None
) -> None:
    """Choose what this process masks: kinds in ``off`` are not masked, patterns in ``own`` are as well.

    A match of an own pattern becomes ``[name]``. None keeps the previous choice.

    Raises:
        UserError: a kind is unknown (core.privacy.kinds.KINDS), or a pattern is not a valid regular
            expression.
    """
    global _active  # noqa: PLW0603 (one for the process, as logging itself)
    _active = chosen(_active.off if off is None else off, dict(_active.own) if own is None else own)
    mask_short_text.cache_clear()
    field.cache_clear()


def mask_text(text: str) -> str:
    """Return the text with credentials and personal data masked; never raises."""
    return mask_short_text(text) if len(text) <= SHORT else _safely_masked(text)


def _safely_masked(text: str) -> str:
    try:
        return _mask_text(text)
    except Exception:  # noqa: BLE001 (better no text than one that was not looked through)
        return _UNMASKABLE


mask_short_text = lru_cache(maxsize=4096)(_safely_masked)
"""Return ``mask_text`` of a text of at most SHORT characters, for places where one more call is noticeable.
"""


def has_mask(text: str) -> bool:
    """Return whether something in a text was masked."""
    return _MASK.search(text) is not None


def mask_value(value: Any) -> Any:  # noqa: ANN401 (any logged value)
    """Return a copy of a value with everything personal or secret masked, at any depth; never raises.

    Fields are judged by their name first, then by their value. ``call_id`` and ``lead_id`` stay, except for a
    phone that serves as a lead_id while BLIND_INDEX_KEY is set.
    """
    return mask_field(value, _OPEN)


def mask_field(value: Any, kind: Kind) -> Any:  # noqa: ANN401 (any logged value)
    """Return the masked value of a field of that kind."""
    try:
        return _mask(value, kind, frozenset())
    except Exception:  # noqa: BLE001 (better no value than one that was not looked through)
        return "[value that could not be masked]"


@lru_cache(maxsize=4096)
def field(key: str) -> tuple[str, Kind]:
    """Return a field's name, masked itself, and how to treat its value."""
    kind = kind_of(key)
    return mask_text(key), _OPEN if kind.value in _active.off or _is_off(kind) else kind


def _is_off(kind: Kind) -> bool:
    return kind in {_SECRET, _TOKENS, _KEY} and "secret" in _active.off


def _mask_text(text: str) -> str:
    off, own = _active
    for name, pattern in own:
        text = pattern.sub(f"[{name}]", text)
    if "\\" not in text:
        return _mask_told(text, look.told_by(text), off)
    # Of an escape, such as a new line's within JSON, the letter must not join the word behind it.
    for escape, sign in _ESCAPES:
        text = text.replace(sign, "\ufffd").replace(escape, sign)
    text = _mask_told(text, look.told_by(text), off)
    for escape, sign in _ESCAPES:
        text = text.replace(sign, escape)
    return text


def _mask_told(text: str, told: int, off: frozenset[str]) -> str:
    """Mask what the first look pointed to; once something is masked, look for everything else too."""
    shape = look.shape_of(text)
    digits = look.digits_of(shape)
    if told & look.WORDS or look.speaks(told):
        masked = _mask_what_words_tell(text, told, shape, off, digits)
        told = told if masked == text else look.ANYTHING
        text = masked
    if b"@" in shape or b"%" in shape:
        masked = mask_addresses(text, off)
        told = told if masked == text else look.ANYTHING
        text = masked
    return _mask_numbers_and_papers(text, told, shape, off, digits) if digits >= _FEWEST_IN_PAN else text


def _mask_what_words_tell(text: str, told: int, shape: bytes, off: frozenset[str], digits: int) -> str:
    labelled = b":" in shape or b"=" in shape
    if told & look.PEOPLE and labelled and "transcript" not in off:
        text = mask_transcripts(text)
    if look.speaks(told):
        text = mask_spoken_digits(text, off)  # before the first of a code's words passes for all of it
    if told & look.SECRET:
        text = mask_credentials(
            text, off, may_name=labelled or digits > 1 or b"%" in shape or not text.isascii()
        )
    if told & look.PEOPLE and labelled:
        text = mask_people(text, off)
    if told & look.MAIL or look.speaks(told):
        text = mask_spoken_mail(text, off)
    return mask_introduced(text, off) if told & look.PEOPLE else text


def _mask_numbers_and_papers(text: str, told: int, shape: bytes, off: frozenset[str], digits: int) -> str:
    """Mask numbers and papers; accounts before papers and phones, because the word next to one decides."""
    before = text
    if told < 0 or look.may_hold_paper(shape):
        text = mask_papers(text, off)
    told = told if text == before else look.ANYTHING
    may_name_account = told & look.ACCOUNT or look.may_hold_ifsc(shape)
    if digits >= _FEWEST_IN_ACCOUNT and "account" not in off and may_name_account:
        text = mask_accounts(text)
    if told & look.FORM:
        text = mask_unnamed_papers(text, off)
    if told & look.PAPER:
        text = mask_named_papers(text, off)
    told = told if text == before else look.ANYTHING
    if digits >= _FEWEST_IN_PHONE:
        if told < 0 or look.may_hold_number(shape, text):
            text = mask_numbers(text, off)
        text = mask_named_numbers(text, off) if told & look.NUMBER else text
    return text


def _mask(value: Any, kind: Kind, around: frozenset[int]) -> Any:  # noqa: ANN401 (any logged value)
    if kind is _LEAD and isinstance(value, str):
        value = stored_lead_id(value)
    if value is None or value is True or value is False or kind is _KEPT or kind is _LEAD:
        return value
    if kind is _SECRET:
        # a quantity, such as a token count
        return value if isinstance(value, float) and not value.is_integer() else _MASKED
    if kind is _PERSON and not isinstance(value, Mapping | list | tuple | set | frozenset):
        kind = _OPEN
    if isinstance(value, str):
        return mask_text(value) if kind is _OPEN else _mask_named_string(value, kind)
    if isinstance(value, int | float):
        return _mask_plain_number(value, kind)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _mask_container(value, kind, around)
    return "[dob]" if kind is _DOB else value


def _mask_container(value: Any, kind: Kind, around: frozenset[int]) -> Any:  # noqa: ANN401 (a container)
    if id(value) in around:
        return "[circular]"
    around |= {id(value)}
    if isinstance(value, Mapping):
        return _mask_mapping(value, around, of_person=kind is _PERSON)
    items = list(value)
    kind = _OPEN if kind is _COUNT else kind
    if len(items) == 2 and isinstance(items[0], str) and field(items[0])[1] is _SECRET:  # noqa: PLR2004 (a pair)
        return [items[0], _MASKED]  # a pair of name and value, like an HTTP header
    return [_mask(item, kind, around) for item in items]


def _mask_mapping(
    value: Mapping[Any, Any], around: frozenset[int], *, of_person: bool = False
) -> dict[Any, Any]:
    """Return a mapping, masked; names that become the same are numbered, so that none is lost."""
    masked: dict[Any, Any] = {}
    counts: dict[str, int] = {}
    named = _kind_of_value(value)
    for key, item in value.items():
        name, shown = _mask_item(key, item, around)
        if named is not _OPEN and key == "value":
            shown = _mask(item, named, around)
        elif of_person and key == "name" and "name" not in _active.off:
            shown = _mask(item, _NAME, around)
        masked[free_name(name, masked, counts) if isinstance(name, str) else name] = shown
    return masked


def _kind_of_value(fields: Mapping[Any, Any]) -> Kind:
    """Return how to treat the value of ``{"name": "otp", "value": "730164"}``, as forms and slots have it."""
    if "value" in fields:
        for key in _NAMING:
            name = fields.get(key)
            if isinstance(name, str) and (kind := field(name)[1]) is not _OPEN:
                return kind
    return _OPEN


_NAMING = ("name", "key", "field", "header", "type", "slot")


def _mask_item(key: Any, value: Any, around: frozenset[int]) -> tuple[Any, Any]:  # noqa: ANN401 (any item)
    if isinstance(key, str):
        shown, kind = field(key)
        return shown, _mask(value, kind, around)
    shown = _mask(key, _OPEN, frozenset()) if isinstance(key, int) else key
    return shown, _mask(value, _OPEN, around)


def _mask_named_string(value: str, kind: Kind) -> str:
    if value[:1] == "[" and _MASK.fullmatch(value):
        return value
    if kind is _TOKENS or kind is _KEYED:
        is_plain = is_measure(value) if kind is _TOKENS else not is_code(value)
        return value if is_plain else _MASKED
    if kind is _KEY and looks_made_by_chance(value):
        return _MASKED
    if kind is _IDENTIFIER or kind is _KEY or kind is _COUNT:
        return value if value.isdecimal() else mask_text(value)
    if not any(char.isalnum() for char in value):
        return value
    return _mask_personal(value, kind)


def _mask_personal(value: str, kind: Kind) -> str:
    if (kind is Kind.ADDRESS and not is_postal(value)) or (
        kind is Kind.ACCOUNT and not any(map(str.isdecimal, value))
    ):
        return mask_text(value)
    if kind is _DOB:
        return "[dob]"
    return mask_of_transcript(value) if kind is Kind.TRANSCRIPT else mask_of(kind.value, value)


def _mask_plain_number(value: float, kind: Kind) -> Any:  # noqa: ANN401 (a number or its mask)
    if kind in {_IDENTIFIER, _COUNT, _TOKENS, _KEY, Kind.TRANSCRIPT}:
        return value
    if kind is _KEYED:
        return _MASKED if is_code(str(value)) else value
    if kind is _OPEN and -_SMALLEST_PHONE < value < _SMALLEST_PHONE:
        return value
    # pandas turns a column of phone numbers with gaps into whole floats.
    whole = int(value) if isinstance(value, int) or value.is_integer() else None
    if kind is _OPEN:
        return value if whole is None else mask_number(abs(whole), _active.off) or value
    shown = str(value if whole is None else whole)
    return mask_of(kind.value, shown) if abs(value) >= _SMALLEST_PERSONAL_NUMBER else value
