"""Mail and UPI addresses, PAN, GSTIN; accounts, names and postal addresses labelled as such."""

import re

from core.privacy.introductions import NEVER
from core.privacy.kinds import behind
from core.privacy.numbers import mask_of

_EMAIL = re.compile(r"[\w\u0900-\u097f.%+'-]{1,64}(?:@|%40)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")
_UPI_HANDLES = (
    r"ok(?:sbi|axis|hdfcbank|icici)|ybl|ibl|axl|paytm|pty(?:es|axis|sbi|hdfc)|pt(?:yes|axis|sbi|hdfc)|upi|apl|yapl"
    r"|rapl|freecharge|ikwik|jupiteraxis|airtel|postbank|sbi|hdfcbank|icici|axisbank|axisb|kotak|kmbl|barodampay"
    r"|pnb|cnrb|unionbank|uboi|indus|idfcbank|idfcfirst|federal|fbl|rbl|yesbank|yesbankltd|aubank|dbs|citi|hsbc"
    r"|slice|waaxis|wa(?:icici|hdfcbank|sbi)|superyes|naviaxis|kphdfc|tapicici|timecosmos|fam|idbi|mahb|boi|iob"
    r"|jio|jiopay|jsb|cub|kvb|sib|dlb|tjsb|ezeepay|eazypay|equitas|bandhan|allbank|andb|centralbank|cboi|canara"
    r"|cbin|corporation|csbpay|csbcash|dcb|denabank|finobank|hdfcbankjd|idbibank|idfc|indianbank|indianbk|indbank"
    r"|iexceed|kaypay|kbl|kotak811|lvb|lvbank|mahabank|myicici|nsdl|obc|payzapp|pingpay|pockets|psb|purz|rajgovhdfcbank"
    r"|sbin|sc|scb|scbl|scmobile|sibl|srcb|synd|syndbank|syndicate|trans|uco|ucobank|unionbankofindia|united|utbi"
    r"|utib|vijb|vijayabank|vjb|yesfam|yespay|yespop|oneyes|goaxb|shriramhdfcbank|bpaxis|axisgo|dhani|tmb|pz|ubi"
    r"|abfspay|amazonpay|apb|bhim|bhimupi|ptaxis|freoicici|mbkns|mobikwik|nyes|yescred|axisbnk|cred|seyes|zoicici"
    r"|yesg|fifederal|slc|sliceaxis|popyes|niyoicici|rmhdfcbank|inhdfc|bajaj|bajajpay"
)
_UPI = re.compile(rf"(?<![\w.])[\w.-]{{2,64}}@(?:{_UPI_HANDLES})(?![\w.-]*\w)", re.IGNORECASE)
_NAMED_UPI = re.compile(
    r"(?<!\w)((?:upi|vpa|bhim|gpay|phonepe|pay|paid|paying|pays|send|sent|collect|यूपीआई)"
    r"(?:[ _-]?(?:id|address))?[\"']?(?:\s*+(?:is|hai|to|from|money to|at|है|:|=))?\s*+[\"']?)"
    r"[\w.-]{2,64}@[A-Za-z][A-Za-z0-9]{1,20}(?![\w.-]*\w)",
    re.IGNORECASE,
)
_UPI_LINK = re.compile(r"([?&;]pa=)(?!\[)[^&\s\"'<>]{3,128}", re.IGNORECASE)
_NAMED_PAN = re.compile(
    r"(?<![A-Za-z-])(pan(?:\s*+(?:(?:card|number|no|num|is|hai)(?![A-Za-z])|है|[.:=#\"'(-])){0,5}+\s*+)"
    r"[A-Za-z](?:[ -]?[A-Za-z]){4}[ -]?\d(?:[ -]?\d){3}[ -]?[A-Za-z](?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z]{3}[ABCFGHLJPTabcfghljpt][A-Za-z]\d{4}[A-Za-z]"
    r"|[A-Z]{3}[ABCFGHLJPT][A-Z][ -]?\d{4}[ -]?[A-Z]"
    r"|[a-z]{3}[abcfghljpt][a-z][ -]\d{4}[ -][a-z])(?![A-Za-z0-9])"
)
_GSTIN = re.compile(
    r"(?<![A-Za-z0-9])[0-3]\d[ -]?[A-Z]{5}[ -]?\d{4}[ -]?[A-Z][ -]?[1-9A-Z][ -]?[A-Z][ -]?[0-9A-Z]"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PAPER_MARK = re.compile(r"[A-Za-z][ -]?\d(?:[ -]?\d){3}[ -]?[A-Za-z]")
# Gaps are matched possessively, so that a text of blanks costs its length and not its square.
_ACCOUNT_NAME = (
    r"(?:(?:bank|savings?|salary|loan|beneficiary|debit|credit|customer|borrower)[ _-]?(?=acc))?"
    r"(?:a/?c|acc(?:oun)?t?|khata)(?:[ _-]?(?:number|num|no))?(?![A-Za-z0-9])"
)
_ACCOUNT = re.compile(
    rf"(?<![A-Za-z0-9])((?:{_ACCOUNT_NAME}|खाता)"
    r"(?:\s*+(?:number|num|no|is|hai|ka|संख्या|नंबर|है|[.:=#\"'\\-])){0,7}+\s*+)"
    r"(\d[\d -]{6,20}\d(?!\d)|\d[\d -]{6,20}\d)",
    re.IGNORECASE,
)
ACCOUNT_MARK = re.compile(rf"(?<![A-Za-z0-9]){_ACCOUNT_NAME}|खाता", re.IGNORECASE)
"""In a word: what names an account."""
_IFSC = re.compile(r"[A-Za-z]{4}0[A-Za-z0-9]{6}")
_ACCOUNT_AFTER_IFSC = re.compile(
    r"((?<![A-Za-z0-9])[A-Za-z]{4}0[A-Za-z0-9]{6}\W{1,3}(?:a/?c\W{0,3})?)(\d{9,18})(?!\d)"
)
_ACCOUNT_BEFORE_IFSC = re.compile(
    r"(?<![\w.])(\d{9,18})"
    r"(?=\W{1,3}(?:[Ii][Ff][Ss][Cc](?:[ _]?[Cc]ode)?\W{0,3})?[A-Za-z]{4}0[A-Za-z0-9]{6}\b)"
)
_PERSONS = (
    r"customer|lead|borrower|applicant|co[ _-]?applicant|guarantor|nominee|father|mother|spouse|husband|wife"
    r"|contact|participant|recipient|sender|prospect|(?:caller|callee)(?:[ _-]?id)?|(?:account[ _-]?)?holder"
    r"|beneficiary|person"
)
_OF_WHOM = (
    rf"{_PERSONS}|maiden|client|profile|push|whatsapp|nick"
    "|preferred|legal|first|last|middle|full|given|family"
)
_PLACES = (
    r"residential|residence|home|house|office|permanent|current|present|communication|correspondence|postal|customer"
    r"|lead|borrower|applicant|contact|participant|recipient|delivery|billing|shipping|street|registered|work|mailing"
    r"|primary|secondary|alternate|full|complete|formatted"
)


def _joined(words: str) -> str:
    return words.replace("[ _-]?", "")


NAME_KEY = re.compile(
    rf"^effective(?:(?:{_joined(_OF_WHOM)})s?){{1,4}}name(?:raw|text)?$|(?:^|customer|lead)surname$"
    rf"|^(?:(?:{_joined(_OF_WHOM)})s?){{1,4}}name(?:raw|text)?$|^(?:customer|lead|borrower)?contactperson$"
)
ADDRESS_KEY = re.compile(
    rf"^(?:{_PLACES}){{0,3}}(?:address|addr)(?:line|text|full|raw)?$|^(?:landmark|locality)$"
)
"""Matches a field's name in lower case, with separators between its words removed."""
PERSON_KEY = re.compile(rf"^(?:{_joined(_PERSONS)}|profile)s?(?:info|details|data)?$")
"""Matches the name of a field that holds a person, whose ``name`` is one's."""

_IS = r"(?:\\{0,4}[\"'])?\s*+[:=]\s*+"
_QUOTED = (
    r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
    r"|(?P<escaped>\\{1,4}[\"'])(?:(?!(?P=escaped)).)*+(?P=escaped)"
)
_FIRST_WORD = r"(?:[^\W\d_]|[\u0900-\u0963])(?:[^\W\d_]|[\u0900-\u0963'.-]){0,39}+"
_NEXT_WORD = r"(?:[A-Z]|[\u0900-\u0963])(?:[^\W\d_]|[\u0900-\u0963'.-]){0,39}+"
_SMALL_WORD = r"[^\W\d_]{2,40}+(?!\s?[=:(])"
_NEVER = "|".join(sorted(filter(str.isascii, NEVER)))
_IS_NAME = rf"name(?:[ _-]?(?:raw|text))?{_IS}"
_NAME_MARK = re.compile(_IS_NAME)
_ENDS = tuple({words[-2:] for words in re.sub(r"[()?:]|\[.*?\]", "", _OF_WHOM).split("|")})
"""How the words end that say whose name it is."""
_LONGEST_END = 4
_NAME = re.compile(
    rf"(?<![A-Za-z])((?i:(?:(?:{_OF_WHOM})s?[ _-]?){{1,4}}{_IS_NAME}))"
    rf"(?!(?i:null|none|nil|true|false)\b|\[|\"\"|'')(?P<said>{_QUOTED}"
    # Names in small letters end with the value, or where another word begins.
    rf"|(?=[a-z]){_FIRST_WORD}(?: (?!(?i:{_NEVER})(?!\w)){_SMALL_WORD}){{0,2}}"
    rf"|{_FIRST_WORD}(?: {_NEXT_WORD}(?!\s?[=:])){{0,3}})"
)
_OF_PERSON = re.compile(
    rf"((?:[\"'](?:(?i:{_PERSONS})|profile)s?(?i:[ _-]?(?:info|details|data))?[\"']\s*+:\s*+\[?\s*+\{{"
    r"(?:[^{}\n]{0,200}?[,\s])??[\"']name[\"']\s*+:"
    rf"|(?<![A-Za-z])(?i:{_PERSONS})(?:Info|Details|Data)?\((?:[^()\n]{{0,200}}?[,\s])??name=)\s*+)"
    rf"(?P<said>{_QUOTED})"
)
"""``"participant": {"name": "…"}``, ``Customer(name='…')``."""
_PIN = r"(?:,|\b[1-9]\d{2}[ -]?\d{3}\b)"
_ADDRESS = re.compile(
    rf"(?<![A-Za-z])((?:(?:{_PLACES})[ _-]?){{0,3}}(?:address|addr)"
    rf"(?:[ _-]?(?:line|text|full|raw))?[ _-]?\d?{_IS})(?!\[)"
    rf"(?P<said>(?=[\"'][^\"'\n]{{0,200}}?[^\W\d_][^\"'\n]{{0,200}}? )(?:{_QUOTED})"
    rf"|(?=[^\n;|]{{0,200}}?{_PIN})[^\s;|]{{1,60}}+"
    r"(?: (?![\w.-]{1,40}[=:])[^\s;|]{1,60}+){1,30})",
    re.IGNORECASE,
)
DISPLAY_MARK = r"<(?:sips?:|tel:|\+?\d{7}|[\w.+-]{1,64}@)"
_DISPLAYED = re.compile(
    r"(?:(?P<quote>\\?[\"'])(?=[^\"'\d]{0,20}[^\W\d_])[^\"'\\<>\[\n]{2,64}(?P=quote)"
    r"|(?<=[:=] )[A-Z][^\W\d_][\w.' -]{0,60}?)"
    rf"(?=\s{{0,2}}{DISPLAY_MARK})"
)
"""Whom a header of a call or a mail names before the address: ``From: "Neha" <sip:…>``."""
_HAS_LETTER = re.compile(r"[^\W\d_]|[\u0900-\u0963]")


def mask_addresses(text: str, off: frozenset[str]) -> str:
    """Return the text with mail and UPI addresses masked."""
    if "email" not in off and ("@" in text or "%40" in text):
        text = _EMAIL.sub("[email]", text)
    if "upi" not in off and "@" in text:
        text = _UPI.sub("[upi]", text)
        text = _NAMED_UPI.sub(behind("[upi]"), text)
    if "upi" not in off and "pa=" in text:
        text = _UPI_LINK.sub(behind("[upi]"), text)
    return text


def mask_papers(text: str, off: frozenset[str]) -> str:
    """Return the text with PAN and GSTIN masked."""
    if _PAPER_MARK.search(text):
        text = text if "gstin" in off else _GSTIN.sub("[gstin]", text)
        text = text if "pan" in off else _NAMED_PAN.sub(behind("[pan]"), _PAN.sub("[pan]", text))
    return text


def mask_accounts(text: str) -> str:
    """Return the text with account numbers masked that are labelled as such, or stand next to an IFSC."""
    low = text.casefold()
    if "ac" in low or "a/c" in low or "khata" in low or "खाता" in low:
        text = _ACCOUNT.sub(_masked_account, text)
    if _IFSC.search(text):
        text = _ACCOUNT_AFTER_IFSC.sub(_masked_account, text)
        text = _ACCOUNT_BEFORE_IFSC.sub(lambda match: mask_of("account", match[1]), text)
    return text


def _masked_account(match: re.Match[str]) -> str:
    return match[1] + mask_of("account", match[2])


def mask_people(text: str, off: frozenset[str]) -> str:
    """Return the text with names and addresses masked that follow labels such as ``customer_name=``."""
    low = text.casefold()
    if "name" not in off and "name" in low:
        if "(" in text or '"name"' in text or "'name'" in text:
            text = _OF_PERSON.sub(lambda match: _quoted(match, "[name]"), text)
        if _may_be_named(low):
            text = _NAME.sub(lambda match: _quoted(match, "[name]"), text)
    if "name" not in off and "<" in text:
        text = _DISPLAYED.sub(lambda match: f"{match['quote'] or ''}[name]{match['quote'] or ''}", text)
    if "address" not in off and "addr" in low:
        text = _ADDRESS.sub(lambda match: _quoted(match, "[address]"), text)
    return text


def _may_be_named(low: str) -> bool:
    """Return whether a text, in small letters, has ``…er_name=`` or the like; most with "name" have not."""
    for found in _NAME_MARK.finditer(low):
        before = low[max(found.start() - _LONGEST_END, 0) : found.start()].rstrip(" _-")
        if before.endswith(_ENDS) or before.endswith("s"):
            return True
    return False


def _quoted(match: re.Match[str], mask: str) -> str:
    """Return the mask within the quotes of what it stands for, so that JSON remains JSON."""
    quote = match["escaped"] or (match["said"][0] if match["said"][0] in "\"'" else "")
    return f"{match[1]}{quote}{mask}{quote}"


def is_postal(text: str) -> bool:
    """Return whether the value of an address field is a postal address, not a machine's: it has words."""
    return len(text.split()) > 1 and _HAS_LETTER.search(text) is not None
