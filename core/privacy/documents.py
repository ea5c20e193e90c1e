"""Numbers of documents: voter id, passport, driving licence, vehicle, and a bank branch's code."""

import re

from core.privacy.kinds import behind

_STATES = (
    r"AN|AP|AR|AS|BR|CG|CH|DD|DL|DN|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|PB|PY|RJ|SK|TG|TN|TR"
    r"|TS|UA|UK|UP|WB"
)
_BANKS = (
    r"ABHY|AIRP|ALLA|ANDB|AUBL|BARB|BDBL|BKDN|BKID|CBIN|CITI|CIUB|CNRB|CORP|COSB|CSBK|DBSS|DCBL|DLXB|ESFB|ESMF"
    r"|FDRL|FINO|FSFB|HDFC|HSBC|IBKL|ICIC|IDFB|IDIB|INDB|IOBA|IPOS|JAKA|JIOP|JSFB|KARB|KKBK|KVBL|LAVB|MAHB|NKGS"
    r"|NSPB|ORBC|PSIB|PUNB|PYTM|RATN|SBBJ|SBHY|SBIN|SBMY|SBTR|SCBL|SIBL|SRCB|SVCB|SYNB|TMBL|UBIN|UCBA|UJVN|USFB"
    r"|UTBI|UTIB|UTKS|VIJB|YESB"
)
_NO_VOTER = (
    r"ABC|ACC|APP|BUG|CAS|CRM|CUS|EMI|ERR|EVT|IDX|INC|INV|JOB|KEY|LAN|LED|LOG|MSG|ORD|PID|REF|REG|REQ|RRN|SEQ|SKU"
    r"|SRV|TAG|TKT|TXN|UID|UTR|VER"
)
"""How other numbers made of three letters and seven digits begin."""
_BEFORE, _AFTER = r"(?<![A-Za-z0-9_/.-])", r"(?![A-Za-z0-9_])"
_UNNAMED = re.compile(
    rf"{_BEFORE}(?:"
    rf"(?P<licence>(?:{_STATES})[ -]?\d{{2}}[ -]?(?:19|20)\d{{2}}[ -]?\d{{7}})"
    rf"|(?P<vehicle>(?:{_STATES})[ -]?\d{{1,2}}[ -]?"
    rf"(?!(?:AM|PM|[KMGT]B|MS)\b)(?:[A-Z]{{1,3}}|[A-Z][ -][A-Z]{{1,2}})[ -]?\d{{4}}"
    r"|\d\d[ -]?BH[ -]?\d{4}[ -]?[A-Z]{1,2})"
    rf"|(?P<ifsc>(?:{_BANKS})[ -]?0[A-Z0-9]{{6}})"
    rf"|(?P<voter>(?!{_NO_VOTER})[A-Z]{{3}}[/ -]?\d{{7}})"
    rf"){_AFTER}"
)
_SMALL = re.compile(
    rf"{_BEFORE}(?:"
    rf"(?P<licence>(?:{_STATES.lower()})[ -]?\d{{2}}[ -]?(?:19|20)\d{{2}}[ -]?\d{{7}})"
    rf"|(?P<vehicle>(?!dd)(?:{_STATES.lower()})-?\d{{1,2}}-?[a-z]{{1,2}}-?\d{{4}}|\d\dbh\d{{4}}[a-z]{{1,2}})"
    rf"|(?P<ifsc>(?:{_BANKS.lower()})0[a-z0-9]{{6}})"
    rf"){_AFTER}"
)
"""In lower case, only forms that ordinary words cannot have."""
_MARK = re.compile(r"(?<![A-Za-z0-9_/.-])(?:([A-Za-z]{2,4})(?=[ /-]?\d)|\d\d[ -]?[Bb][Hh])")
"""How numbers with a form of their own begin; few texts contain one, so the others need no closer look."""
FORM_MARK = re.compile(r"(?:\A|\d\d-?)[Bb][Hh](?=-?\d|\Z)|(?<![A-Za-z0-9_/.-])([A-Za-z]{2,4})(?=[/-]?\d|\Z)")
"""The same within one word, which may be all letters, or go on after a blank (``22 BH 1234``)."""
_BEGINNINGS = frozenset({*_STATES.split("|"), *_BANKS.split("|")})
_OTHER_BEGINNINGS = frozenset(_NO_VOTER.split("|"))
_LETTERS_OF_VOTER = 3
_LETTER = r"(?:[^\W\d_]|[\u0900-\u0963])"
_NUMBER_ITSELF = r"(?:[a-z]{1,4}[/ -]?\d|[a-z](?: [a-z]){0,3} ?\d)"
_GAP = r"[\s:=#(,\"'._-]*+"
_FILLER = rf"(?:{_GAP}(?!{_NUMBER_ITSELF}){_LETTER}{{1,14}}+){{0,5}}+{_GAP}"


def _named(names: str, form: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![A-Za-z])((?:{names})(?!{_LETTER}){_FILLER}(?<![A-Za-z]))({form}){_AFTER}", re.IGNORECASE
    )


def _gapped(letters: int, digits: int) -> str:
    """Return a pattern for this many letters and digits, possibly spelled out one by one."""
    return rf"[A-Z](?:[ -]?[A-Z]){{{letters - 1}}}[ /-]?\d(?:[ -]?\d){{{digits - 1}}}"


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = (
    r"(?:\d{1,2} ?[./-] ?\d{1,2} ?[./-] ?(?:19|20)?\d\d|\d{1,2} \d{1,2} (?:19|20)\d\d"
    r"|(?:19|20)\d\d ?[./-] ?\d{1,2} ?[./-] ?\d{1,2}(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?)?"
    r"|(?:19|20)\d{6}|[0-3]\d[01]\d(?:19|20)\d\d"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -](?:of )?{_MONTH},?[ -](?:19|20)?\d\d"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d)"
)
_OF_BIRTH = (
    r"dob|d\.o\.b\.?|(?:date[ _-]?of[ _-]?)?birth(?:[ _-]?(?:date|day))?|born"
    r"|janm(?:[ _-]?(?:tithi|din|date))?|जन्म(?:[ -]?(?:तिथि|दिन|तारीख))?"
)
_IS = rf"(?:{_GAP}(?:is|was|on|hai|hua|thi|tha|ka|ki|date|है|को)(?!{_LETTER})){{0,3}}+{_GAP}"
_NAMED: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "voter",
        ("voter", "epic", "election", "वोटर", "मतदाता"),
        _named(r"voter(?:[ _-]?id)?|epic|election(?: id)?(?: card)?|वोटर|मतदाता", _gapped(3, 7)),
    ),
    ("passport", ("passport", "पासपोर्ट"), _named(r"passport|पासपोर्ट", _gapped(1, 7))),
    (
        "licence",
        ("licen", "dl no", "dl number", "लाइसेंस", "लाइसेन्स"),
        _named(
            r"(?:driving[ _-]?)?licen[cs]e|dl(?= (?:no|number))|लाइसेंस|लाइसेन्स",
            r"[A-Z][ -]?[A-Z][ -]?\d(?:[ -]?\d){8,13}",
        ),
    ),
    (
        "vehicle",
        ("vehicle", "gaadi", "gadi", "गाड़ी", "गाड़ी", "registration", "car no", "bike no", "car number"),
        _named(
            r"vehicle|gaadi|gadi|गाड़ी|गाड़ी|registration|(?:car|bike)(?= (?:no|number))",
            r"[A-Z][ -]?[A-Z][ -]?\d[ -]?\d?[ -]?[A-Z](?:[ -]?[A-Z]){0,2}[ -]?\d(?:[ -]?\d){3}",
        ),
    ),
    (
        "ifsc",
        ("ifsc", "आईएफएससी"),
        _named(r"ifsc|आईएफएससी", r"[A-Z](?:[ -]?[A-Z]){3}[ -]?0(?:[ -]?[A-Z0-9]){6}"),
    ),
    (
        "dob",
        ("dob", "d.o.b", "birth", "born", "janm", "जन्म"),
        re.compile(rf"(?<![A-Za-z])((?:{_OF_BIRTH})(?!{_LETTER}){_IS})({_DATE}){_AFTER}", re.IGNORECASE),
    ),
)
NAMES = tuple(mark for _, marks, _ in _NAMED for mark in marks)


def mask_unnamed_papers(text: str, off: frozenset[str]) -> str:
    """Return the text with document numbers masked that have a form of their own."""
    if not any(map(is_beginning, _MARK.findall(text))):
        return text
    text = _SMALL.sub(lambda found: _mask(found, off), text)
    return _UNNAMED.sub(lambda found: _mask(found, off), text)


def mask_named_papers(text: str, off: frozenset[str]) -> str:
    """Return the text with document numbers masked that are named."""
    low = text.casefold()
    if not any(map(low.__contains__, NAMES)):
        return text
    for kind, marks, pattern in _NAMED:
        if kind not in off and any(mark in low for mark in marks):
            text = pattern.sub(behind(f"[{kind}]"), text)
    return text


def is_beginning(letters: str) -> bool:
    """Return whether a number with a form of its own may begin so; "" stands for the series BH."""
    if not letters or (len(letters) == _LETTERS_OF_VOTER and letters.isupper()):
        return letters not in _OTHER_BEGINNINGS
    return letters.upper() in _BEGINNINGS


def _mask(found: re.Match[str], off: frozenset[str]) -> str:
    kind = found.lastgroup or ""
    return found[0] if kind in off else f"[{kind}]"
