"""Phones, cards and Aadhaar numbers in running text, however they are grouped, in any script's digits.

A run of digits and separators is cut into its groups; from each group on, the longest sequence that
makes a valid number is masked. Whole groups only: ten digits within a longer number are no phone.
"""

import re

_SEPARATOR = r"[ \t\u00a0\u2009\u202f.()\-\u2010-\u2015]"
_TEN_DIGITS = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{9}}")
_RUN = rf"(?<![A-Za-z0-9_])(?:\+{_SEPARATOR}?)?\(?\d(?:{_SEPARATOR}{{0,3}}\d)*"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])"
_POD = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])"
_REFERENCE = (
    r"(?i:(?:id|order|utr|rrn|txn|transaction|ref|reference|invoice|ticket)"
    r"(?:[ _]?(?:no|number|id))?\.?[\"']?\s?[=:#]?\s?[\"']?)"
    rf"\d+(?!\d|{_SEPARATOR}{{1,3}}\d)"
)
_PLUSSED = rf"\+{_SEPARATOR}?\(?\d(?:{_SEPARATOR}{{0,3}}\d)*"
_CANDIDATE = re.compile(
    rf"(?P<keep>(?<![A-Za-z0-9_])(?:{_UUID}|{_POD})|(?<![A-Za-z]){_REFERENCE}|(?<=_){_REFERENCE})|{_PLUSSED}|{_RUN}"
)
_GROUP = re.compile(r"\d+")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_MOST_GROUPS = 11

_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PERMUTATION = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def mask_numbers(text: str) -> str:
    """The text with phones, cards and Aadhaar numbers masked but for their last four digits."""
    if not _TEN_DIGITS.search(text):
        return text
    return _CANDIDATE.sub(_masked_run, text)


def mask_number(number: int) -> str | None:
    """The mask of a bare number that is a phone, card or Aadhaar number; None for any other."""
    kind = _kind([str(number)], "") if 10**9 <= number < 10**19 else None
    return mask_of(kind, str(number)) if kind else None


def mask_of(kind: str, text: str) -> str:
    """``[phone …3210]``: the kind and, of ten digits or more, the last four."""
    digits = _ascii_digits(text)
    return f"[{kind} …{digits[-4:]}]" if len(digits) >= 10 else f"[{kind}]"  # noqa: PLR2004 - a phone's


def is_luhn(digits: str) -> bool:
    """Whether ASCII digits end in the check digit that payment cards carry."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(divmod(two, 10)[0] + two % 10 for two in doubled)) % 10 == 0


def is_verhoeff(digits: str) -> bool:
    """Whether ASCII digits end in the check digit that Aadhaar numbers carry."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_PERMUTATION[place % 8][int(digit)])])
    return check == 0


def _ascii_digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _masked_run(match: re.Match[str]) -> str:
    run = match.group()
    if match["keep"]:
        return run
    groups = list(_GROUP.finditer(run))
    following = match.string[match.end() : match.end() + 1]
    if following == "_" or (following.isascii() and following.isalpha()):
        groups.pop()  # the last digits belong to a word
    parts: list[str] = []
    done = first = 0
    while first < len(groups):
        found = _longest(run, groups, first)
        if found is None:
            first += 1
            continue
        last, kind = found
        begin, end = groups[first].start(), groups[last].end()
        opening = run[done:begin].rstrip("+( ") if first == 0 else run[done:begin]
        parts += [opening, mask_of(kind, run[begin:end])]
        done, first = end, last + 1
    return "".join([*parts, run[done:]])


def _longest(run: str, groups: list[re.Match[str]], first: int) -> tuple[int, str] | None:
    """The longest sequence of groups from ``first`` that is a number of some kind."""
    before = run[: groups[first].start()]
    if first and before.endswith(".") and not run.startswith("+"):
        return None  # the fraction of a decimal number
    plus = "+" in before[-3:]
    for last in range(min(first + _MOST_GROUPS, len(groups)) - 1, first - 1, -1):
        digits = [_ascii_digits(group.group()) for group in groups[first : last + 1]]
        between = run[groups[first].start() : groups[last].end()]
        kind = _kind(digits, between, plus=plus)
        if kind:
            return last, kind
    return None


def _kind(groups: list[str], written: str, *, plus: bool = False) -> str | None:
    digits = "".join(groups)
    if not 10 <= len(digits) <= 19 or (plus and len(digits) > 15):  # noqa: PLR2004 - a phone's and a card's length
        return None
    if plus or (_is_phone(groups, digits) and not _is_decimal(groups, written)):
        return "phone"
    sizes = [len(group) for group in groups]
    if len(digits) == 12 and sizes in ([12], [4, 4, 4]) and digits[0] > "1" and is_verhoeff(digits):  # noqa: PLR2004
        return "aadhaar"
    if _is_card(sizes, digits):
        return "card"
    return None


def _is_phone(groups: list[str], digits: str) -> bool:
    """An Indian mobile number: ten digits from 6 to 9, perhaps after 0, 91 or 0091."""
    local = digits[-10:]
    prefix = digits[:-10]
    if local[0] not in "6789" or prefix not in {"", "0", "91", "091", "0091", "910"}:
        return False
    inner = [size for size in (len(group) for group in groups) if size]
    short = sum(size == 1 for size in inner)
    return short == len(inner) or short <= bool(prefix)


def _is_decimal(groups: list[str], written: str) -> bool:
    """Whether dots make it a decimal number or an address: only 98765.43210 is a phone with one dot."""
    if _ADDRESS.fullmatch(written):
        return True
    sizes = [len(group) for group in groups]
    return written.count(".") == 1 and len(groups) == 2 and sizes != [5, 5]  # noqa: PLR2004 - whole and fraction


def _is_card(sizes: list[int], digits: str) -> bool:
    if len(digits) < 13 or digits[0] not in "234568" or (len(digits) == 13 and digits[0] != "4"):  # noqa: PLR2004
        return False
    if len(digits) > 16 and digits[0] not in "456":  # noqa: PLR2004 - the longest of the other brands
        return False
    return (len(sizes) == 1 or (sizes[0] == 4 and min(sizes[1:]) > 2)) and is_luhn(digits)  # noqa: PLR2004
