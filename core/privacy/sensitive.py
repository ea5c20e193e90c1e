"""Which values are personal by where they stand: the one list of what is never stored in clear.

Of a call the metadata: fields of these names, however deep, and the paths of ENCRYPTED_FIELDS. A phone that
serves as lead_id is replaced by its blind index, where BLIND_INDEX_KEY is set.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from core.privacy.keys import Kind, kind_of
from core.settings import get_settings

WITHHELD = "(not stored: no encryption key)"
"""Stands where a personal value would, so that what was left out can be seen."""
HELD = "env."
"""What the name of a key begins with that is of ENCRYPTION_KEYS: a value on its way to its lead's key."""
LEAD_OF_PHONE = "lead:"
"""What a lead_id begins with that stands for a phone."""
_KINDS = frozenset(
    {
        *(Kind.PHONE, Kind.EMAIL, Kind.PAN, Kind.AADHAAR, Kind.ACCOUNT, Kind.CARD, Kind.UPI),
        *(Kind.TRANSCRIPT, Kind.SECRET),
    }
)
_WHOSE = (
    *("full", "first", "middle", "last", "given", "family", "sur", "maiden", "customer", "lead", "borrower"),
    *("applicant", "coapplicant", "contact", "caller", "callee", "father", "mother", "parent", "spouse"),
    *("husband", "wife", "guarantor", "nominee", "person", "client", "user", "account", "holder"),
)
_PERSONAL = re.compile(
    rf"\A(?:(?:{'|'.join(_WHOSE)})*+names?"
    r"|(?:full|home|office|work|current|permanent|postal|residential|billing|customer|street)*+address(?:es)?"
    r"(?:line)?\d?"
    r"|(?:customer|lead|borrower|applicant)?(?:dob|dateofbirth|birth(?:date|day))"
    r"|(?:voter|passport|ration)(?:card)?(?:id|number|num|no)?|driv(?:ing|ers?)licen[cs]e(?:number|num|no)?)"
)
_SEALED = re.compile(r"enc:1:([0-9a-f]{32}|env\.[A-Za-z0-9_-]{1,32}):[A-Za-z0-9_-]{38,}")
_OF_PHONES = re.compile(r"^[+(\d][\d\s().\-\u2010-\u2015]{6,24}$")
_ABROAD, _NATIONAL = re.compile(r"[1-9]\d{7,14}"), re.compile(r"(?:0|91)?([6-9]\d{9})")
_MOST_ORDINARY = 4_096
_ordinary: set[str] = set()
"""Names that are not personal, so far as they were met."""
Change = Callable[[str, Any], object]
"""Of the path of a personal value and the value, what is to stand in its place."""


@lru_cache(maxsize=4096)
def is_personal(name: str) -> bool:
    """Whether the value of a field of this name is a person's own; any case, snake, kebab and camel alike."""
    joined = re.sub(r"[^a-z0-9]", "", name.lower())
    return _PERSONAL.fullmatch(joined) is not None or kind_of(name) in _KINDS


def may_be_personal(metadata: dict[str, Any]) -> bool:
    """Whether metadata is worth a closer look; of most calls it is not, and this is all that it costs."""
    for name, item in metadata.items():
        kind = type(item)
        if kind is dict or kind is list:
            return True
        if name not in _ordinary:
            if is_personal(name):
                return True
            if len(_ordinary) < _MOST_ORDINARY:
                _ordinary.add(name)
    return bool(get_settings().encrypted_fields)


def replaced(metadata: dict[str, Any], change: Change) -> dict[str, Any]:
    """Return metadata with each personal value replaced; the same object where there is none."""
    chosen = get_settings().encrypted_fields
    if not chosen and not may_be_personal(metadata):
        return metadata
    paths = frozenset(f"metadata.{path.removeprefix('metadata.')}" for path in chosen)
    changed: dict[str, Any] = _replaced(metadata, "metadata", paths, change)
    return changed


def _replaced(value: Any, path: str, paths: frozenset[str], change: Change) -> Any:  # noqa: ANN401 (nested data)
    if isinstance(value, dict):
        items = {name: _item(name, item, f"{path}.{name}", paths, change) for name, item in value.items()}
        return items if any(items[name] is not value[name] for name in items) else value
    if isinstance(value, list):
        rows = [_replaced(item, f"{path}.{index}", paths, change) for index, item in enumerate(value)]
        return rows if any(new is not old for new, old in zip(rows, value, strict=True)) else value
    return value


def _item(name: str, item: Any, path: str, paths: frozenset[str], change: Change) -> Any:  # noqa: ANN401 (nested data)
    if not (is_personal(name) or path in paths):
        return _replaced(item, path, paths, change) if isinstance(item, dict | list) else item
    says_nothing = item is None or isinstance(item, bool) or item in ("", [], {}, WITHHELD)
    return item if says_nothing else change(path, item)


def key_of(value: object) -> str | None:
    """Return the name of the key that a sealed value is under; None of anything else."""
    found = _SEALED.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def phone_of(text: str) -> str | None:
    """Return a phone number in the form of E.164, Indian where it says no country; None of other texts."""
    text = text.strip()
    if not _OF_PHONES.fullmatch(text):
        return None
    digits = "".join(str(int(char)) for char in text if char.isdecimal())
    if text.startswith("+") or digits.startswith("00"):
        abroad = digits.removeprefix("00")
        return f"+{abroad}" if _ABROAD.fullmatch(abroad) else None
    national = _NATIONAL.fullmatch(digits)
    return f"+91{national[1]}" if national else None


def stored_lead_id(lead_id: str) -> str:
    """Return what a lead_id is stored as: of a phone its blind index, else itself.

    The same for whoever records and whoever looks for the lead.
    """
    if not lead_id or lead_id[0].isalpha():  # of most, and at no cost for log lines
        return lead_id
    settings = get_settings()
    if settings.blind_index_key is None or settings.lead_id_phones == "keep":
        return lead_id
    phone = phone_of(lead_id)
    return lead_id if phone is None else f"{LEAD_OF_PHONE}{_index_of(phone)}"


def lead_ids_of(text: str) -> list[str]:
    """Return the ids that a lead may be stored under: as it is now, and as before BLIND_INDEX_KEY was set."""
    return list(dict.fromkeys([stored_lead_id(text), text]))


def phone_index(value: object) -> str | None:
    """Return the blind index of a phone; None where it is none, or there is no BLIND_INDEX_KEY."""
    if get_settings().blind_index_key is None or not isinstance(value, str | int):
        return None
    phone = phone_of(str(value))
    return None if phone is None else _index_of(phone)


def _index_of(phone: str) -> str:
    from core.privacy.encryption import blind_index  # noqa: PLC0415 (only where there are keys)

    index = blind_index()
    if index is None:
        raise ValueError("BLIND_INDEX_KEY is not set")
    return index.of(phone)


def personal_in(metadata: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """Return the personal values of metadata, each with its path."""
    found: list[tuple[str, Any]] = []

    def note(path: str, value: object) -> object:
        found.append((path, value))
        return value

    if metadata:
        replaced(metadata, note)
    return found
