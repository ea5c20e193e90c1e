"""Phones, cards and Aadhaar numbers in running text, however they are grouped, in any script's digits.

A run of digits and separators is split into groups; starting at each group, the longest sequence that makes
a valid number is masked. Only whole groups count: ten digits inside a longer number are not a phone. Numbers
that a text names as personal are masked whatever their check digit, which may have been misheard.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_FEWEST_DIGITS, _MOST_DIGITS = 10, 19  # of a phone, of a card
_MOST_ABROAD = 15  # of a phone after a plus
_MOST_WITH_PREFIX = 14  # of a phone after 0091
_SIZE_ON_CARDS = 4  # of the first group of a card or an Aadhaar number
_SOLID = 7  # digits without a gap at the end of a phone
_AADHAAR_DIGITS = 12
_OLDEST_CARD, _COMMON_CARD = 13, 16
_PLANS = (
    "1:11 7:11 20:12 27:11 31:11 33:11 34:11 39:13 41:11 44:12 45:10 46:12 47:10 48:11 49:13 60:12 61:11"
    " 62:14 63:12 64:12 65:10 66:11 81:12 82:12 84:12 86:13 90:12 91:12 92:12 93:11 94:11 95:12 98:12 353:12"
    " 852:11 880:13 886:12 960:10 965:11 966:12 968:11 971:12 973:11 974:11 975:11 977:13"
)
_MOST_OF_COUNTRY = {code: int(most) for code, most in (plan.split(":") for plan in _PLANS.split())}
"""By country code: the most digits a number has there, its code included; elsewhere _MOST_ABROAD."""
_MOST_GROUPS = 13
_MOST_IN_LANDLINE = 3

SEPARATOR = r"[ \t\u00a0\u2009\u202f./()\[\]\-\u2010-\u2015\u200b-\u200d\u2060\u00ad,;\u2026\u00b7|*_~]"
"""What may stand between the groups of one number; speech recognition writes a pause as a comma."""
_PAUSES = frozenset(",;\u2026\u00b7|*_~")
_SEPARATORS = b" \t./()[]-,;|*_~"
_RUN = re.compile(rf"\d(?:{SEPARATOR}{{0,5}}\d){{{_FEWEST_DIGITS - 1},}}")
_ASCII_RUN = re.compile(rf"[0-9](?:[ \t./()\[\]\-,;|*_~]{{0,5}}[0-9]){{{_FEWEST_DIGITS - 1},}}")
_MAY_BE_ONE = re.compile(rb"[06-9]\d{%d}|\d{%d}" % (_FEWEST_DIGITS - 1, _AADHAAR_DIGITS))
_PLUS = re.compile(r"\+[ (]?\Z")
_PHONE_WORD = re.compile(
    r"(?<![A-Za-z])(?:mob(?:ile)?|ph(?:one)?|tel(?:ephone)?|cell|contact|whatsapp|msisdn|number|no|sip|wa|caller|callee)_?\Z",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\[nrt])\Z")
_GROUP = re.compile(r"\d+")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_UUID_LENGTH, _DASHES_IN_UUID = 36, 4
_POD_NAME = re.compile(r"[a-z0-9]-\Z")
_POD_END = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])")
_FIGURES = re.compile(
    r"(?:latenc\w+|durations?|timings?|times?|sizes?|counts?|values?|scores?|samples?|p\d\d|ms)\W{0,3}\Z",
    re.IGNORECASE,
)
_UNIT_OF_TIME = re.compile(r" ?(?:ms|us|ns|s|secs?|seconds?|minutes?|calls?|rows|jobs)\b")
_OF_A_PERSON = re.compile(
    r"(?:caller|callee|called|recipient|remote[ _-]?party"
    r"|phone|mobile|whatsapp|msisdn|\bwa|\bcli|\bani)[ _-]?(?:id|ref)",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"(?:(?<![A-Za-z])(?:id|ssrc|span|trace|order|utr|rrn|txn|transaction|ref|reference|invoice|ticket|size"
    r"|length|offset|seq|duration|elapsed|bytes)"
    r"(?:[ _]?(?:no|number|id)|_(?:ns|us|ms|bytes))?|[a-z]_(?:ns|us|ms|bytes)|\bbytes_[a-z]{1,12}"
    r"|(?<![A-Za-z])(?:rs|inr|amount|count|pid|timestamp|checksum|took))\.?[\"']?\s?[=:#]?\s?[\"']?\Z"
    r"|\u20b9\s?\Z|(?:(?<![A-Za-z])(?:rss|memory|samples|nanoseconds|uptime"
    r"|ticks|created|expires|sequence|serial|crc32|seed"
    r"|records|balance|nonce|bitrate|jitter)|_micros|(?<![A-Za-z])(?:heap|disk|mem|packets)_[a-z]{1,12})"
    r"[\"']?\s?[=:]\s?[\"']?\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?:\.\d{1,9})? ?(?:(?:[kMG]i?B|bytes|rows|ns|INR|rupees|\u00b5s|\u03bcs|samples|tokens|packets"
    r"|records|[kMG]?Hz|paise)\b"
    # In Hinglish "us" is a word, and "ms" a title: only at an end, or before what follows a measure.
    r"|(?:ms|us|B)(?=\s?(?:[,;)\]}]|\.(?!\w)|\Z)"
    r"| (?:to|for|in|of|after|since|ago|elapsed|used|free|total|sent|received)\b))"
)
_FRACTION = re.compile(r"\.(?:\d{2,9}|[1-9](?![A-Za-z]))(?!\.?\d)")
_OF_SOME = re.compile(r"\]| ?(?:calls?|rows|jobs|leads|records|bytes|[kMG]i?B|\[\d)\b")
"""What follows progress, such as 67036/68198."""
_EXTENSION = re.compile(r" ?(?:x|extn?\.?) ?\d", re.IGNORECASE)
_LANDLINE = re.compile(
    r"0(?:(?:11|20|22|33|40|44|79|80)[2-7]\d{7}|[1-8]\d{2}[2-7]\d{6}|[1-8]\d{3}[2-7]\d{5})"
)
_SPOKEN_SIZES = frozenset(
    {(5, 5), (2, 5, 5), (3, 3, 4), (4, 3, 3), (4, 4, 2), (2, 4, 4), (4, 4, 4), (4, 4, 4, 4)}
)
_CARD_SIZES = frozenset({(4, 6, 5), (4, 6, 4)})
_CLOCK = r"(?:[01]\d|2[0-3])[0-5]\d"
_DAY_OF_MONTH, _MONTH, _YEAR = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])", r"(?:19[89]\d|20[0-4]\d)"
_DATE_AND_TIME = re.compile(
    rf"{_YEAR}{_MONTH}{_DAY_OF_MONTH}{_CLOCK}(?:[0-5]\d\d{{0,3}})?"
    rf"|{_DAY_OF_MONTH}{_MONTH}{_YEAR}{_CLOCK}(?:[0-5]\d)?|(?:2\d|3[0-5]){_MONTH}{_DAY_OF_MONTH}{_CLOCK}[0-5]\d"
)
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
    """Digits without a gap: where they are, and their ASCII form."""

    begin: int
    end: int
    digits: str


def mask_numbers(text: str, off: frozenset[str] = frozenset()) -> str:
    """Return the text with phones, cards and Aadhaar numbers masked except for their last four digits."""
    parts: list[str] = []
    done = 0
    for begin, end, kind in _numbers(text):
        if kind in off:
            continue
        parts += [text[done:begin], mask_of(kind, text[begin:end])]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def mask_number(number: int, off: frozenset[str] = frozenset()) -> str | None:
    """Return the mask of a bare number that is a phone, card or Aadhaar number; None for any other."""
    digits = str(number) if 0 < number < 10**_MOST_DIGITS else ""
    kind = _kind([digits], digits) if len(digits) >= _FEWEST_DIGITS else None
    return mask_of(kind, digits) if kind and kind not in off else None


def mask_of(kind: str, text: str) -> str:
    """Return ``[phone …3210]``: the kind and, given ten digits or more, the last four."""
    digits = _ascii_digits(text)
    return f"[{kind} …{digits[-4:]}]" if len(digits) >= _FEWEST_DIGITS else f"[{kind}]"


def is_luhn(digits: str) -> bool:
    """Return whether ASCII digits end in the check digit that payment cards have."""
    backwards = digits.encode()[::-1]
    return (sum(backwards[::2].translate(_DIGIT_VALUES)) + sum(backwards[1::2].translate(_DOUBLED))) % 10 == 0


def is_verhoeff(digits: str) -> bool:
    """Return whether ASCII digits end in the check digit that Aadhaar numbers have."""
    check = 0
    for place, value in enumerate(digits.encode()[::-1].translate(_DIGIT_VALUES)):
        check = _VERHOEFF_PRODUCT[check][_VERHOEFF_PERMUTATION[place % 8][value]]
    return check == 0


def _ascii_digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and kind of each number to mask."""
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
    """Return whether a run can contain a number at all.

    Most, such as dates, cannot and need no closer look.
    """
    if text[run.start() - 1 : run.start()] in {"+", "("} or not run[0].isascii():
        return True
    return _MAY_BE_ONE.search(run[0].encode().translate(None, _SEPARATORS)) is not None


def _whole_groups(text: str, run: re.Match[str]) -> list[_Group]:
    """Return the groups of a run, without digits that belong to a word on either side."""
    groups = [
        _Group(*found.span(), found[0] if found[0].isascii() else _ascii_digits(found[0]))
        for found in _GROUP.finditer(text, run.start(), run.end())
    ]
    following = text[run.end() : run.end() + 1]
    if following.isascii() and following.isalpha() and not _ends_before_letters(text, run, groups):
        groups.pop()
    if groups and _continues_word(text, run.start()):
        del groups[0]
    return groups


def _ends_before_letters(text: str, run: re.Match[str], groups: list[_Group]) -> bool:
    """Return whether the last digits are a number's despite letters after them.

    After a plus, or an extension.
    """
    if _EXTENSION.match(text, run.end()):
        return True
    first = max(len(groups) - _MOST_GROUPS, 0)
    return any(_plus_before(text, group.begin) is not None for group in groups[first:])


def _continues_word(text: str, begin: int) -> bool:
    """Return whether the digits continue a word, as in ``call_98…``; not in ``%2B98…`` or ``mob98…``."""
    # ASCII letters only: Hindi writes words directly next to digits.
    before = text[max(begin - _LONGEST_WORD, 0) : begin]
    last = before[-1:]
    if not (last == "_" or (last.isascii() and last.isalpha())) or _ESCAPE.search(before):
        return False
    return _PHONE_WORD.search(before) is None


def _plus_before(text: str, begin: int) -> int | None:
    """Return where the plus of ``+91``, ``+ 91`` or ``+(91`` is."""
    if "+" not in text[max(begin - 2, 0) : begin]:
        return None
    opening = _PLUS.search(text, max(begin - 2, 0), begin)
    return opening.start() if opening else None


def _longest(text: str, groups: list[_Group], first: int, *, abroad: bool) -> tuple[int, str | None]:
    """Return the last group of the longest sequence from ``first`` that is a number of some kind."""
    begin = groups[first].begin
    if _is_fraction(text, groups, first):
        return first, None
    if (
        not abroad
        and len(groups[first].digits) >= _FEWEST_DIGITS
        and _FRACTION.match(text, groups[first].end)
    ):
        return first, None
    for last in reversed(_possible_ends(groups, first, abroad=abroad)):
        digits = [group.digits for group in groups[first : last + 1]]
        written = text[begin : groups[last].end]
        kind = _kind(digits, written, abroad=abroad)
        if "/" in written and _OF_SOME.match(text, groups[last].end):
            continue
        if kind and (abroad or _PAUSES.isdisjoint(written) or _is_said(text, groups, first, last)):
            return last, kind
    return first, None


def _is_fraction(text: str, groups: list[_Group], first: int) -> bool:
    """Return whether a group follows the point of a decimal number."""
    if first == 0 or text[groups[first - 1].end : groups[first].begin] != ".":
        return False
    return first == 1 or text[groups[first - 2].end : groups[first - 1].begin] != "."


def _is_said(text: str, groups: list[_Group], first: int, last: int) -> bool:
    """Return whether groups with pauses between them are one number, not an amount or a list of figures."""
    begin, end = groups[first].begin, groups[last].end
    sizes = _sizes_without_prefix([group.digits for group in groups[first : last + 1]])
    if sizes not in _SPOKEN_SIZES and set(sizes) != {1}:
        return False
    before = text[max(begin - _REFERENCE_LENGTH, 0) : begin]
    if (
        before.rstrip()[-1:] in ({"[", "=", ",", ";", "|"} if "|" in text[begin:end] else _LEADING_TO_LISTS)
        or _FIGURES.search(before)
        or _UNIT_OF_TIME.match(text, end)
    ):
        return False
    if last + 1 < len(groups) and not _PAUSES.isdisjoint(text[end : groups[last + 1].begin]):
        return False
    written = text[begin:end]
    return sizes in {(5, 5), (4, 4, 4), (4, 4, 4, 4)} or written.count(",") == written.count(", ")


def _sizes_without_prefix(groups: list[str]) -> tuple[int, ...]:
    """Return how many digits the groups have, without the 0 or 91 that may stand before a mobile's ten."""
    sizes = tuple(map(len, groups))
    prefix = sum(sizes) - _FEWEST_DIGITS
    if groups[0] in {"0", "91", "091", "0091"}:
        return sizes if sizes in _SPOKEN_SIZES else sizes[1:]
    if groups[0][0] == "0" and prefix == 1:
        return (sizes[0] - 1, *sizes[1:])
    return (5, 5) if sizes == (7, 5) and groups[0][:2] == "91" else sizes


_LEADING_TO_LISTS = frozenset("[=,;")


def _possible_ends(groups: list[_Group], first: int, *, abroad: bool = False) -> list[int]:
    """Yield the groups at which 10 to 19 digits are complete; after a plus, as many as the country has."""
    count = 0
    ends: list[int] = []
    most = _most_abroad(groups, first) if abroad else _most_after(groups[first].digits)
    for last in range(first, min(first + _MOST_GROUPS, len(groups))):
        size = len(groups[last].digits)
        count += size
        if count > most and (not abroad or ends or count > _MOST_DIGITS):
            break
        if count >= _FEWEST_DIGITS:
            ends.append(last)
            if abroad and (size >= _SOLID or count >= most):
                break
    return ends


def _most_after(digits: str) -> int:
    """Return how many digits a number can have that begins with this group; 0 if none begins so."""
    if digits[0] == "1":
        return 0
    if len(digits) == _SIZE_ON_CARDS or len(digits) >= _FEWEST_DIGITS:
        return _MOST_DIGITS
    return _MOST_WITH_PREFIX if digits[0] in "06789" else 0


def _most_abroad(groups: list[_Group], first: int) -> int:
    code = "".join(group.digits for group in groups[first : first + 3])
    return next((_MOST_OF_COUNTRY[code[:n]] for n in (1, 2, 3) if code[:n] in _MOST_OF_COUNTRY), _MOST_ABROAD)


def _kind(groups: list[str], written: str, *, abroad: bool = False) -> str | None:
    digits = "".join(groups)
    if abroad and len(digits) <= _MOST_ABROAD:
        return "phone"
    sizes = [len(group) for group in groups]
    if _is_decimal(groups, written):
        return None
    if _is_phone(groups, sizes, digits):
        return "phone"
    if len(groups) == 1 and _DATE_AND_TIME.fullmatch(digits):
        return None
    if sizes in ([_AADHAAR_DIGITS], [4, 4, 4]) and digits[0] > "1" and is_verhoeff(digits):
        return "aadhaar"
    return "card" if _is_card(sizes, digits) else None


def _is_phone(groups: list[str], sizes: list[int], digits: str) -> bool:
    """Return whether it is a phone: ten digits from 6 to 9, bare or after 0, 91 or 0091; or 022-2456 7890."""
    prefix = digits[:-10]
    if prefix == "0" and 1 < len(groups) <= _MOST_IN_LANDLINE and _STD_CODE.fullmatch(groups[0]):
        return True
    if len(groups) == 1 and _LANDLINE.fullmatch(digits):
        return True
    if digits[-10] not in "6789" or prefix not in {"", "0", "91", "091", "0091", "910"}:
        return False
    single = sizes.count(1)
    return single == len(groups) or single <= bool(prefix)


def _is_decimal(groups: list[str], written: str) -> bool:
    """Return whether the dots make it an IP address or a decimal number; 98765.43210 is a phone."""
    if written.count(".") == 1 and len(groups) == 2:  # noqa: PLR2004 (whole part and fraction)
        return len(groups[0]) != len(groups[1])
    return _ADDRESS.fullmatch(written) is not None


def _is_card(sizes: list[int], digits: str) -> bool:
    first = digits[0]
    if len(digits) < _OLDEST_CARD or first not in "234568" or (len(digits) == _OLDEST_CARD and first != "4"):
        return False
    if len(digits) > _COMMON_CARD and first not in "456":
        return False
    # Grouped as printed on cards.
    by_fours = set(sizes[:-1]) == {4} and 1 < sizes[-1] <= 4  # noqa: PLR2004 (as printed on cards)
    return (len(sizes) == 1 or by_fours or tuple(sizes) in _CARD_SIZES) and is_luhn(digits)


def _is_reference(text: str, begin: int, end: int) -> bool:
    """Return whether digits are part of a UUID or a pod's name, or labelled as an id, an order or a UTR."""
    before = text[max(begin - _REFERENCE_LENGTH, 0) : begin]
    if text[begin:end].isdecimal() and (_REFERENCE.search(before) or _UNIT.match(text, end)):
        return _OF_A_PERSON.search(before) is None
    if before.endswith("-") and _POD_NAME.search(before) and _POD_END.match(text, end):
        return True
    if text.count("-", max(begin - _UUID_LENGTH, 0), end + _UUID_LENGTH) < _DASHES_IN_UUID:
        return False
    around = _UUID.finditer(text, max(begin - _UUID_LENGTH, 0), end + _UUID_LENGTH)
    return any(found.start() < end and begin < found.end() for found in around)


_LETTER = r"(?:[^\W\d_]|[\u0900-\u0963])"
_OF_ANOTHER_NUMBER = (
    r"(?:order|id|txn|transaction|utr|rrn|ref|reference|ticket|invoice|at|on|in|after|took|amount|rs|inr|otp|call|lead"
    r"|epoch|timestamp|ts|time|size|bytes|offset|duration|seq|version)"
)
_FILLER = (
    rf"(?:[\s:=#(,\"'.-]*+(?!{_OF_ANOTHER_NUMBER}(?!{_LETTER})){_LETTER}{{1,14}}+){{0,6}}+[\s:=#(,\"'.-]*+"
)
_SHORT_FILLER = r"(?:[\s:=#(\"'.-]*+(?:number|no|num|is|hai|was|mera|ka|नंबर|है)){0,4}+[\s:=#(\"'.-]*+"


def _named(names: str, filler: str, *lengths: int) -> re.Pattern[str]:
    """Return a pattern for this many digits after one of the names; the usual length comes first."""
    digits = "|".join(rf"\d(?:{SEPARATOR}{{0,5}}\d){{{length - 1}}}(?!\d)" for length in lengths)
    return re.compile(rf"(?<![A-Za-z])((?:{names})(?!{_LETTER}){filler})({digits})(?!\.\d)", re.IGNORECASE)


_NAMED: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("aadhaar", ("dhar", "dhaar", "uidai", "आधार"), _named("aa?dh?aa?r|uidai|आधार", _FILLER, 12, 11, 13)),
    ("card", ("card", "कार्ड"), _named("(?:credit|debit|atm)?card|कार्ड", _FILLER, 16, 15, 14, 13, 17, 18, 19)),
    (
        "phone",
        ("mobile", "phone", "whatsapp", "contact", "मोबाइल", "फोन", "फ़ोन"),
        _named("mobile|(?:tele)?phone|whatsapp|contact|मोबाइल|फोन|फ़ोन", _SHORT_FILLER, 10, 12, 11),
    ),
)
NAMES = tuple(mark for _, marks, _ in _NAMED for mark in marks)


def mask_named_numbers(text: str, off: frozenset[str]) -> str:
    """Return the text with Aadhaar, card and phone numbers masked that are named as such."""
    low = text.casefold()
    for kind, marks, pattern in _NAMED:
        if kind not in off and any(mark in low for mark in marks):
            text = pattern.sub(_masking(kind), text)
    return text


def _masking(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match[1] + mask_of(kind, match[2])
