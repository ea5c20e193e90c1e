"""Keys, tokens and passwords in running text, by their shape or by the name before them."""

import re
from collections.abc import Callable

from core.privacy.keys import Kind, kind_of

Replacement = str | Callable[[re.Match[str]], str]

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
_CLOUD_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}|gh[pousr]_\w{30,}"
    r"|github_pat_\w{30,}|xox[a-z]-[\w-]{10,}|(?:sk|rk|pk|rzp)_(?:live|test)_\w{8,}|sk-[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|hvs\.[\w-]{20,})"
)
_CLOUD_KEY_MARKS = (
    *("AKIA", "ASIA", "AIza", "ya29.", "gh", "xox", "_live_", "_test_", "sk-", "SG.", "hvs."),
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(bearer\s+)(?!\[)[\w.~+/=-]{6,}", re.IGNORECASE)
_SLACK_HOOK = re.compile(r"(https://hooks\.slack(?:-gov)?\.com/)[^\s\"'<>]+")
_IN_URL = re.compile(r"://[^\s/\"'<>?#]+@")
_NAME = (
    r"pass|pwd|secret|token|key|authori[sz]ation|auth|jwt|csrf|signature|dsn|otp|[mtu]?pin|cv[vc]2?"
    r"|credential|cookie|bearer"
)
_NAME_MARKS = (
    *("pass", "pwd", "secret", "token", "key", "auth", "jwt", "csrf", "signature", "dsn", "otp", "pin"),
    *("cvv", "cvc", "credential", "cookie", "bearer"),
)
_CODE = re.compile(
    r"\b((?:otp|cvv2?|cvc|[mtu]?pin|passcode|password)\s+(?:(?:is|was|number)\s+)?)\d{3,8}\b", re.IGNORECASE
)
_NAMED = re.compile(
    rf"(?<![\w-])(?P<key>[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})(?P<is>[\"']?\s*(?:=>|[:=])\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    r"|(?:(?:bearer|basic|digest|token)\s+)?(?!\[)[^\s\"',;&)}\]]+)",
    re.IGNORECASE,
)


def mask_credentials(text: str) -> str:
    """The text with everything that would let its reader in masked."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub("[private key]", text)
    if _contains(text.casefold(), _NAME_MARKS):
        text = _NAMED.sub(_masked_value, text) if "=" in text or ":" in text else text
        text = _CODE.sub(r"\1[masked]", text)
    if "://" in text:
        text = _SLACK_HOOK.sub(r"\1[webhook]", text)
        if "@" in text:
            text = _IN_URL.sub("://[credentials]@", text)
    if "eyJ" in text:
        text = _JWT.sub("[jwt]", text)
    if _contains(text, _CLOUD_KEY_MARKS):
        text = _CLOUD_KEY.sub("[key]", text)
    if "earer" in text or "EARER" in text:
        text = _BEARER.sub(r"\1[token]", text)
    return text


def _contains(text: str, marks: tuple[str, ...]) -> bool:
    # A loop, since most texts pass here and any() with a generator takes far longer.
    for mark in marks:  # noqa: SIM110
        if mark in text:
            return True
    return False


def _masked_value(match: re.Match[str]) -> str:
    kind, value = kind_of(match["key"]), match["value"]
    if kind is Kind.TOKENS and value.isdecimal():
        return match.group()
    if kind not in {Kind.SECRET, Kind.TOKENS} or value.casefold() in {"true", "false", "none", "null"}:
        return match.group()
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match['key']}{match['is']}{quote}[masked]{quote}"
