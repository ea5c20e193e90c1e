"""Which values are personal, judged by where they are: the one list of what is never stored in clear.

In a call's metadata these are fields with certain names, at any depth, and the paths of ENCRYPTED_FIELDS. A
phone that serves as a lead_id is replaced by its blind index if BLIND_INDEX_KEY is set.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from core.privacy.keys import Kind, is_dialled, kind_of
from core.settings import get_settings

WITHHELD = "(not stored: no encryption key)"
"""Takes the place of a personal value that was not stored, so that people see something was left out."""
HELD = "env."
"""Prefix of the names of keys that belong to ENCRYPTION_KEYS: the value has yet to get its lead's key."""
LEAD_OF_PHONE = "lead:"
"""Prefix of a lead_id that stands for a phone."""
_KINDS = frozenset(
    {
        *(Kind.PHONE, Kind.EMAIL, Kind.PAN, Kind.AADHAAR, Kind.ACCOUNT, Kind.CARD, Kind.UPI),
        *(Kind.TRANSCRIPT, Kind.SECRET, Kind.NAME, Kind.ADDRESS),
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
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
"""Signs that nobody sees, and that come along when a number is copied from a list of contacts."""
_BETWEEN = f"[\\s().\\-\u2010-\u2015{_UNSEEN}]*"
_ZEROS = (
    *(0x30, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66),  # ASCII, scripts of India
    *(0x660, 0x6F0, 0xFF10),  # Arabic, Urdu, full width
)
_SCHEMES = r"tel|callto|sips?|pjsip|sms|mms|whatsapp|wa|phone|mobile|msisdn"
_BEGINNINGS = frozenset({"tel", "cal", "sip", "pjs", "sms", "mms", "wha", "wa:", "wa_", "pho", "mob", "msi"})
"""The first three letters of a scheme, by which most other ids are told at once."""
_ADDRESSED = re.compile(
    rf"<?(?:(?:(?:{_SCHEMES})[:_/-](?://)?|[a-z][\w.-]{{0,30}}[:_/-](?=\+|%2b))(?P<number>[^@;?&=<>]+)(?:[@;?&][^\s<>]*)?"
    r"|(?P<user>\+?\d{8,15})(?::\d{1,3})?@(?:s\.whatsapp\.net|c\.us))>?",
    re.IGNORECASE,
)
"""A number in an address: ``tel:+91…``, ``sip:+91…@host;user=phone``, ``whatsapp:+91…``, ``sip_+91…``."""
_NEVER_SEEN = re.compile(f"[{_UNSEEN}]+")
_NO_DIGIT = re.compile(r"\D+")
_OF_INDIA = "+91"
_BEFORE = (
    *("", _OF_INDIA, "0", "91", f"{_OF_INDIA} ", f"{_OF_INDIA}-", "0091"),
    *(f"{code}{gap}" for code in ("0", "91", "0091") for gap in (" ", "-")),
)
"""What stands before the ten digits, the most usual first."""
_GROUPS = ((5,), (3, 6), (4, 7), (4,))
"""Where the ten digits of an Indian number are usually divided."""
_ABROAD, _NATIONAL = re.compile(r"[1-9]\d{7,14}"), re.compile(r"(?:0|91)?([6-9]\d{9})")
_MOST_ORDINARY = 4_096
_ordinary: set[str] = set()
"""Names known not to be personal, among those seen so far."""
Change = Callable[[str, Any], object]
"""Takes the path and value of a personal value, and returns what to put in its place."""


@lru_cache(maxsize=4096)
def is_personal(name: str) -> bool:
    """Return whether a field of this name holds personal data; in any case, snake, kebab or camel."""
    joined = re.sub(r"[^a-z0-9]", "", name.lower())
    return _PERSONAL.fullmatch(joined) is not None or kind_of(name) in _KINDS


def may_be_personal(metadata: dict[str, Any]) -> bool:
    """Return whether metadata needs a closer look; most calls' does not, and then this is its only cost."""
    for name, item in metadata.items():
        kind = type(item)
        if kind is dict or kind is list:
            return True
        if name not in _ordinary:
            if is_personal(name) or is_dialled(name):
                return True
            if len(_ordinary) < _MOST_ORDINARY:
                _ordinary.add(name)
    return bool(get_settings().encrypted_fields)


def replaced(metadata: dict[str, Any], change: Change) -> dict[str, Any]:
    """Return metadata with each personal value replaced; the same object if there is none."""
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
    if not (is_personal(name) or path in paths or _is_dialled_phone(name, item)):
        return _replaced(item, path, paths, change) if isinstance(item, dict | list) else item
    says_nothing = item is None or isinstance(item, bool) or item in ("", [], {}, WITHHELD)
    return item if says_nothing else change(path, item)


def _is_dialled_phone(name: str, item: object) -> bool:
    """Return whether a field that names a party of the call has a phone, rather than a queue or a word."""
    return is_dialled(name) and isinstance(item, str | int) and phone_of(str(item)) is not None


def key_of(value: object) -> str | None:
    """Return the name of the key a sealed value is under; None for anything else."""
    found = _SEALED.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def phone_of(text: str) -> str | None:
    """Return a phone number in E.164 form, Indian if it names no country; None for other texts.

    The number may be part of an address of telephony or WhatsApp, as in ``sip:+919811122233@host``.
    """
    text = number_within(text)
    if not _OF_PHONES.fullmatch(text):
        return None
    digits = _NO_DIGIT.sub("", text)
    if not digits.isascii():
        digits = "".join(str(int(char)) for char in digits)
    if text.startswith("+") or digits.startswith("00"):
        abroad = digits.removeprefix("00")
        return f"+{abroad}" if _ABROAD.fullmatch(abroad) else None
    national = _NATIONAL.fullmatch(digits)
    return f"+91{national[1]}" if national else None


def number_within(text: str) -> str:
    """Return the number of an address such as ``tel:+91…``, without signs that nobody sees; else the text."""
    text = text.strip()
    if not text.isascii():
        text = _NEVER_SEEN.sub("", text).replace("\uff0b", "+").strip()
    if _OF_PHONES.match(text):
        return text
    found = _ADDRESSED.fullmatch(text)
    number = text if found is None else found["number"] or found["user"]
    return f"+{number[3:]}" if number[:3] in {"%2B", "%2b"} else number


def _is_only_a_name(lead_id: str) -> bool:
    """Return whether an id is no phone, as its beginning shows: true of most ids, and nearly free of cost."""
    return not lead_id or (
        lead_id[0].isalpha() and "+" not in lead_id and lead_id[:3].lower() not in _BEGINNINGS
    )


def ending_of(phone: str) -> str:
    """Return a regular expression for texts that end in the digits of a phone, however they are spaced.

    After the digits a host may follow, as in addresses.

    Other phones may match it too: compare what is found with :func:`phone_of`.

    Args:
        phone: in E.164 form.
    """
    digits = phone.removeprefix("+")[-10:]
    spelt = ("".join(chr(zero + int(digit)) for zero in _ZEROS) for digit in digits)
    return _BETWEEN.join(f"[{one}]" for one in spelt) + rf"(?::\d{{1,3}})?(?:[@;?&>].*)?[\s{_UNSEEN}]*$"


@lru_cache(maxsize=4096)
def usual_spellings(lead_id: str) -> tuple[str, ...]:
    """Return the ids a lead is usually stored under, without a look at the store.

    Those of its id; and of a phone its usual spellings, with the country or without, in one piece or in
    groups, the most usual first. An Indian number has some 125.
    """
    phone = phone_of(lead_id)
    if phone is None:
        return tuple(lead_ids_of(lead_id))
    if phone.startswith(_OF_INDIA):
        bodies = _grouped(phone.removeprefix(_OF_INDIA))
        plain = next(bodies)
        spelt = [before + plain for before in _BEFORE]
        spelt += _addresses(phone)
        spelt += [before + body for body in bodies for before in _BEFORE]
    else:
        spelt = [phone, f"00{phone[1:]}", *_addresses(phone)]
    return tuple(dict.fromkeys([*lead_ids_of(lead_id), *spelt]))


def _addresses(phone: str) -> Iterator[str]:
    """Yield a phone as the addresses that carriers and platforms give as its id, if they have no host."""
    yield from (f"{scheme}{phone}" for scheme in ("tel:", "whatsapp:", "sip:", "sip_", "phone:"))
    yield from (f"{phone[1:]}@{host}" for host in ("s.whatsapp.net", "c.us"))


def _grouped(digits: str) -> Iterator[str]:
    yield digits
    for cuts in _GROUPS:
        groups = [digits[start:end] for start, end in pairwise((0, *cuts, len(digits)))]
        yield from (between.join(groups) for between in (" ", "-"))


def person_of(lead_id: str) -> str:
    """Return what all spellings of a lead have in common: of a phone its stored or E.164 form, else the id.

    Two ids are one person if it is the same for both.
    """
    if _is_only_a_name(lead_id):
        return lead_id
    return stored_lead_id(phone_of(lead_id) or lead_id)


def stored_lead_id(lead_id: str) -> str:
    """Return the form a lead_id is stored in: a phone's blind index, or the id itself.

    Recording and searching both use it, so that they agree.
    """
    if _is_only_a_name(lead_id):
        return lead_id
    settings = get_settings()
    if settings.blind_index_key is None or settings.lead_id_phones == "keep":
        return lead_id
    phone = phone_of(lead_id)
    return lead_id if phone is None else f"{LEAD_OF_PHONE}{_index_of(phone)}"


def lead_ids_of(text: str) -> list[str]:
    """Return the ids a lead may be stored under: today's, and the one from before BLIND_INDEX_KEY."""
    return list(dict.fromkeys([stored_lead_id(text), text]))


def phone_index(value: object) -> str | None:
    """Return a phone's blind index; None if it is not a phone, or there is no BLIND_INDEX_KEY."""
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
