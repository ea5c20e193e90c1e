"""Keys, tokens and passwords in running text, by their shape or by the name before them."""

import re

from core.privacy.keys import Kind, kind_of

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
_CLOUD_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}|gh[pousr]_\w{30,}"
    r"|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{10,}|(?:sk|rk|pk|rzp)_(?:live|test)_\w{8,}"
    r"|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|hvs\.[\w-]{20,}|npm_\w{30,}|AC[0-9a-f]{32}(?![0-9a-f]))"
)
# Any text with a key matches this one as well, at a third of the cost.
_CLOUD_KEY_MARK = re.compile(
    r"A(?:[KS]IA|Iza|C)|ya29\.|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|_(?:live|test)_|sk-|SG\.|hvs\.|npm_"
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(bearer\s+)(?!\[)[\w.~+/=-]{6,}", re.IGNORECASE)
_SLACK_HOOK = re.compile(r"(https://hooks\.slack(?:-gov)?\.com/)(?!\[)[^\s\"'<>]+")
_IN_URL = re.compile(r"://[^\s/\"'<>?#]+@")
_NAME = (
    r"pass|pwd|secret|token|key|authori[sz]ation|auth|jwt|csrf|sig(?:nature)?|dsn|otp|[mtu]?pin|cv[vc]2?"
    r"|credential|cookie|bearer|sid"
)
_NAME_MARK = re.compile(
    r"pass|pwd|secret|token|key|auth|jwt|csrf|sig|dsn|otp|o\.t\.p|pin|cv[vc]|credential|cookie|bearer|sid"
    r"|ओटीपी|पिन|पासवर्ड"
)
_CODE = (
    r"(?:otp|o\.t\.p\.?|one[ -]time[ -]pass(?:word|code)|cvv2?|cvc|[mtu]?pin(?!\s*code)|passcode"
    r"|password|ओटीपी|पिन|पासवर्ड)"
)
_FILLER = r"(?:(?:is|was|are|number|no|code|hai|h|ka|ki|for|your|है|था|:|=|-|#)\.?\s*){0,3}"
_CODE_AFTER = re.compile(
    rf"(?<![\w-])({_CODE}s?\s*{_FILLER})(?!\[)\d(?:[ -]?\d){{2,7}}(?!\d|[.:/]\d)", re.IGNORECASE
)
_IS = r"(?:is|was|as|hai|h|है|था|-|:|\()"
_OF_WHOM = r"(?:(?:the|an?|your|ur|my|aapka|aapki|apka|apki|mera|meri|आपका|मेरा)\s+)"
_CODE_BEFORE = re.compile(
    rf"(?<![\w.:/-])\d(?:[ -]?\d){{3,7}}(?=\s*(?:{_IS}\s*{_OF_WHOM}?(?:\w{{2,14}}\s+){{0,2}}|{_OF_WHOM}?)"
    rf"{_CODE}(?!\w))",
    re.IGNORECASE,
)
_SCHEME = r"(?:bearer|basic|digest|token|splunk|apikey|negotiate|aws4-hmac-sha256)"
_NAMED = re.compile(
    rf"(?<![\w-])(?P<key>[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})(?P<is>\\?[\"']?\s*(?:=>|[:=])\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\\"[^\"\\]*\\\""
    rf"|(?:{_SCHEME}\s+)?(?!\[)[^\s\"',;&)}}\]]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(rf"\b(authori[sz]ation\s+{_SCHEME}\s+)(?!\[)[^\s\"',;]+", re.IGNORECASE)
_NOT_SAID = (
    r"(?:required|requested|invalid|expired|incorrect|correct|wrong|missing|too|not|set|empty|weak|valid|the|an?|"
    r"reset|changed|being|now|only|never|also|same|hashed|encrypted)"
)
_SAID = re.compile(
    rf"\b(pass(?:word|code|phrase)\s+(?:is|was|hai)\s+)(?!{_NOT_SAID}\b|\[)[^\s\"',;]{{4,}}", re.IGNORECASE
)
_ANY_DIGIT = re.compile(r"\d")
_NO_SECRET = frozenset({"true", "false", "none", "null", "required", "missing", "invalid", "expired"})


def mask_credentials(text: str, off: frozenset[str], *, may_name: bool) -> str:
    """The text with everything that would let its reader in masked, but for the kinds that are off.

    ``may_name`` tells that the text has a digit, a colon or an equals sign: without, it names no secret.
    """
    if "PRIVATE KEY" in text and "private_key" not in off:
        text = _PRIVATE_KEY.sub("[private key]", text)
    if "secret" not in off:
        if may_name and _NAME_MARK.search(text.casefold()):
            text = _mask_named(text)
        if "assw" in text or "assc" in text:
            text = _SAID.sub(r"\1[masked]", text)
        if "uthori" in text:
            text = _HEADER.sub(r"\1[masked]", text)
    if may_name and "://" in text and "url" not in off:
        text = _SLACK_HOOK.sub(r"\1[webhook]", text)
        text = _IN_URL.sub("://[credentials]@", text)
    return _mask_shapes(text, off)


def _mask_shapes(text: str, off: frozenset[str]) -> str:
    """What is recognised by its own shape: JWTs, keys of cloud services, bearer tokens."""
    if "eyJ" in text and "jwt" not in off:
        text = _JWT.sub("[jwt]", text)
    if "key" not in off and _CLOUD_KEY_MARK.search(text):
        text = _CLOUD_KEY.sub("[key]", text)
    if ("earer" in text or "EARER" in text) and "token" not in off:
        text = _BEARER.sub(r"\1[token]", text)
    return text


def _mask_named(text: str) -> str:
    """What is named as a secret: ``token=…``, ``OTP is 123456``, ``123456 is your OTP``."""
    if _ANY_DIGIT.search(text):
        text = _CODE_AFTER.sub(r"\1[masked]", text)
        text = _CODE_BEFORE.sub("[masked]", text)
    if "=" in text or ":" in text:
        text = _NAMED.sub(_masked_value, text)
    return text


def _masked_value(match: re.Match[str]) -> str:
    kind, value = kind_of(match["key"]), match["value"]
    if kind is Kind.TOKENS and value.isdecimal():
        return match.group()
    if kind not in {Kind.SECRET, Kind.TOKENS} or value.casefold() in _NO_SECRET:
        return match.group()
    quote = value[: 1 + value.startswith("\\")] if value[0] in "\"'\\" else ""
    return f"{match['key']}{match['is']}{quote}[masked]{quote}"
