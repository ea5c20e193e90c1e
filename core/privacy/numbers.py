"""Phones, cards and Aadhaar numbers in running text, however they are grouped, in any script's digits.

A run of digits and separators is cut into its groups; from each group on, the longest sequence that
makes a valid number is masked. Whole groups only: ten digits within a longer number are no phone.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_FEWEST_DIGITS, _MOST_DIGITS = 10, 19  # a phone's, a card's
_MOST_ABROAD = 15  # of a phone, after +
_AADHAAR_DIGITS = 12
_OLDEST_CARD, _COMMON_CARD = 13, 16
_MOST_GROUPS = 13
_MOST_IN_LANDLINE = 3

_SEPARATOR = r"[ \t\u00a0\u2009\u202f./()\[\]\-\u2010-\u2015\u200b-\u200d\u2060\u00ad]"
_SEPARATORS = b" \t./()[]-"
_RUN = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{{_FEWEST_DIGITS - 1},}}")
_ASCII_RUN = re.compile(rf"[0-9](?:[ \t./()\[\]\-]{{0,3}}[0-9]){{{_FEWEST_DIGITS - 1},}}")
_MAY_BE_ONE = re.compile(rb"[06-9]\d{%d}|\d{%d}" % (_FEWEST_DIGITS - 1, _AADHAAR_DIGITS))
_PLUS = re.compile(r"\+[ (]?\Z")
_PHONE_WORD = re.compile(
    r"(?<![A-Za-z])(?:mob(?:ile)?|ph(?:one)?|tel(?:ephone)?|cell|contact|whatsapp|msisdn|number|no)_?\Z",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\[nrt])\Z")
_GROUP = re.compile(r"\d+")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_UUID_LENGTH, _DASHES_IN_UUID = 36, 4
_POD_NAME = re.compile(r"[a-z0-9]-\Z")
_POD_END = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])")
_REFERENCE = re.compile(
    r"(?<![A-Za-z])(?:id|order|utr|rrn|txn|transaction|ref|reference|invoice|ticket|size|length|offset|seq|duration|elapsed|bytes)"
    r"(?:[ _]?(?:no|number|id)|_(?:ns|us|ms|bytes))?\.?[\"']?\s?[=:#]?\s?[\"']?\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(r" ?(?:[kMG]i?B|bytes|rows|ns)\b")
_STD_CODE = re.compile(r"0[1-8]\d{1,3}")
_REFERENCE_LENGTH = 32
_LONGEST_WORD = 12

_DIGIT_VALUES = bytes(max(byte - ord("0"), 0) for byte in range(256))
_DOUBLED = bytes(sum(divmod(2 * value, 10)) if value < 10 else 0 for value in _DIGIT_VALUES)  # noqa: PLR2004 (a digit)
_VERHOEFF_PRODUCT = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
        "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
    )
)  # fmt: skip
_VERHOEFF_PERMUTATION = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789", "1576283094", "5803796142", "8916043527",
        "9453126870", "4286573901", "2793806415", "7046913258",
    )
)  # fmt: skip


class _Group(NamedTuple):
    """Digits without a gap: where they stand, and what they are in ASCII."""

    begin: int
    end: int
    digits: str


def mask_numbers(text: str, off: frozenset[str] = frozenset()) -> str:
    """The text with phones, cards and Aadhaar numbers masked but for their last four digits."""
    parts: list[str] = []
    done = 0
    for begin, end, kind in _numbers(text):
        if kind in off:
            continue
        parts += [text[done:begin], mask_of(kind, text[begin:end])]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def mask_number(number: int, off: frozenset[str] = frozenset()) -> str | None:
    """The mask of a bare number that is a phone, card or Aadhaar number; None for any other."""
    digits = str(number) if 0 < number < 10**_MOST_DIGITS else ""
    kind = _kind([digits], digits) if len(digits) >= _FEWEST_DIGITS else None
    return mask_of(kind, digits) if kind and kind not in off else None


def mask_of(kind: str, text: str) -> str:
    """``[phone …3210]``: the kind and, of ten digits or more, the last four."""
    digits = _ascii_digits(text)
    return f"[{kind} …{digits[-4:]}]" if len(digits) >= _FEWEST_DIGITS else f"[{kind}]"


def is_luhn(digits: str) -> bool:
    """Whether ASCII digits end in the check digit that payment cards carry."""
    backwards = digits.encode()[::-1]
    return (sum(backwards[::2].translate(_DIGIT_VALUES)) + sum(backwards[1::2].translate(_DOUBLED))) % 10 == 0


def is_verhoeff(digits: str) -> bool:
    """Whether ASCII digits end in the check digit that Aadhaar numbers carry."""
    check = 0
    for place, value in enumerate(digits.encode()[::-1].translate(_DIGIT_VALUES)):
        check = _VERHOEFF_PRODUCT[check][_VERHOEFF_PERMUTATION[place % 8][value]]
    return check == 0


def _ascii_digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and kind of each number to mask."""
    for run in (_ASCII_RUN if text.isascii() else _RUN).finditer(text):
        if not _is_candidate(text, run):
            continue
        groups = _whole_groups(text, run)
        first = 0
        while first < len(groups):
            plus = _plus_before(text, groups[first].begin)
            last, kind = _longest(text, groups, first, abroad=plus is not None)
            begin, end = groups[first].begin, groups[last].end
            if kind is None or (plus is None and _is_reference(text, begin, end)):
                first += 1
                continue
            yield begin if plus is None else plus, end, kind
            first = last + 1


def _is_candidate(text: str, run: re.Match[str]) -> bool:
    """Whether a run can hold a number at all; most, as dates, cannot, and are spared a closer look."""
    if text[run.start() - 1 : run.start()] in {"+", "("} or not run[0].isascii():
        return True
    return _MAY_BE_ONE.search(run[0].encode().translate(None, _SEPARATORS)) is not None


def _whole_groups(text: str, run: re.Match[str]) -> list[_Group]:
    """The groups of a run without the digits that belong to a word on either side."""
    groups = [
        _Group(*found.span(), found[0] if found[0].isascii() else _ascii_digits(found[0]))
        for found in _GROUP.finditer(text, run.start(), run.end())
    ]
    following = text[run.end() : run.end() + 1]
    if following.isascii() and following.isalpha():
        groups.pop()
    if groups and _continues_word(text, run.start()):
        del groups[0]
    return groups


def _continues_word(text: str, begin: int) -> bool:
    """Whether the digits belong to a word before them, as in ``call_98…``; not in ``%2B98…``, ``mob98…``."""
    # ASCII letters only: Hindi writes words close to the digits.
    before = text[max(begin - _LONGEST_WORD, 0) : begin]
    last = before[-1:]
    if not (last == "_" or (last.isascii() and last.isalpha())) or _ESCAPE.search(before):
        return False
    return _PHONE_WORD.search(before) is None


def _plus_before(text: str, begin: int) -> int | None:
    """Where the plus of ``+91``, ``+ 91`` or ``+(91`` stands."""
    opening = _PLUS.search(text, max(begin - 2, 0), begin)
    return opening.start() if opening else None


def _longest(text: str, groups: list[_Group], first: int, *, abroad: bool) -> tuple[int, str | None]:
    """The last group of the longest sequence from ``first`` that is a number of some kind."""
    begin = groups[first].begin
    if first == 1 and text[groups[0].end : begin] == ".":
        return first, None  # the fraction of a decimal number
    for last in reversed(_possible_ends(groups, first)):
        digits = [group.digits for group in groups[first : last + 1]]
        kind = _kind(digits, text[begin : groups[last].end], abroad=abroad)
        if kind:
            return last, kind
    return first, None


def _possible_ends(groups: list[_Group], first: int) -> list[int]:
    """The groups at which 10 to 19 digits are complete."""
    count = 0
    ends = []
    for last in range(first, min(first + _MOST_GROUPS, len(groups))):
        count += len(groups[last].digits)
        if count > _MOST_DIGITS:
            break
        if count >= _FEWEST_DIGITS:
            ends.append(last)
    return ends


def _kind(groups: list[str], written: str, *, abroad: bool = False) -> str | None:
    digits = "".join(groups)
    if abroad and len(digits) <= _MOST_ABROAD:
        return "phone"
    sizes = [len(group) for group in groups]
    if _is_phone(groups, sizes, digits) and not _is_decimal(groups, written):
        return "phone"
    if sizes in ([_AADHAAR_DIGITS], [4, 4, 4]) and digits[0] > "1" and is_verhoeff(digits):
        return "aadhaar"
    return "card" if _is_card(sizes, digits) else None


def _is_phone(groups: list[str], sizes: list[int], digits: str) -> bool:
    """An Indian mobile number, ten digits from 6 to 9, perhaps after 0, 91 or 0091; or 022-2456 7890."""
    prefix = digits[:-10]
    if prefix == "0" and 1 < len(groups) <= _MOST_IN_LANDLINE and _STD_CODE.fullmatch(groups[0]):
        return True
    if digits[-10] not in "6789" or prefix not in {"", "0", "91", "091", "0091", "910"}:
        return False
    single = sizes.count(1)
    return single == len(groups) or single <= bool(prefix)


def _is_decimal(groups: list[str], written: str) -> bool:
    """Whether dots make it an address or a decimal number; 98765.43210 is a phone."""
    if written.count(".") == 1 and len(groups) == 2:  # noqa: PLR2004 (whole part and fraction)
        return len(groups[0]) != len(groups[1])
    return _ADDRESS.fullmatch(written) is not None


def _is_card(sizes: list[int], digits: str) -> bool:
    first = digits[0]
    if len(digits) < _OLDEST_CARD or first not in "234568" or (len(digits) == _OLDEST_CARD and first != "4"):
        return False
    if len(digits) > _COMMON_CARD and first not in "456":
        return False
    grouped_by_fours = sizes[0] == 4 and min(sizes) > 2  # noqa: PLR2004 (as printed on cards)
    return (len(sizes) == 1 or grouped_by_fours) and is_luhn(digits)


def _is_reference(text: str, begin: int, end: int) -> bool:
    """Whether digits are part of a UUID or a pod's name, or are named as an id, an order, a UTR."""
    before = text[max(begin - _REFERENCE_LENGTH, 0) : begin]
    if text[begin:end].isdecimal() and (_REFERENCE.search(before) or _UNIT.match(text, end)):
        return True
    if before.endswith("-") and _POD_NAME.search(before) and _POD_END.match(text, end):
        return True
    if text.count("-", max(begin - _UUID_LENGTH, 0), end + _UUID_LENGTH) < _DASHES_IN_UUID:
        return False
    around = _UUID.finditer(text, max(begin - _UUID_LENGTH, 0), end + _UUID_LENGTH)
    return any(found.start() < end and begin < found.end() for found in around)
