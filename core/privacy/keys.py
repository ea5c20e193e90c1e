"""What the name of a field says about its value."""

import re
from enum import Enum
from functools import lru_cache


class Kind(Enum):
    """How a field's value is treated because of the field's name."""

    OPEN = "judged by what it looks like"
    KEPT = "kept as it is"
    IDENTIFIER = "a plain number in it is no phone"
    SECRET = "masked whole"  # noqa: S105 (says what is done with one)
    TOKENS = "masked whole unless it is a count"
    PHONE = "phone"
    EMAIL = "email"
    PAN = "pan"
    AADHAAR = "aadhaar"
    ACCOUNT = "account"
    CARD = "card"
    UPI = "upi"


_KEPT = {"callid", "leadid"}
_SECRET_ANYWHERE = re.compile(
    r"passw(?:or)?d|passphrase|passcode|secret(?!ar)|apikey|authkey|sessionkey|accesskey|privatekey|encryptionkey|signingkey"
    r"|authori[sz]ation|credential|cookie|bearer|webhookurl"
)
_SECRET_LAST = frozenset(
    {
        *("token", "otp", "mpin", "tpin", "upin", "pin", "cvv", "cvv2", "cvc", "pwd", "pass", "auth"),
        *("jwt", "csrf", "signature", "sig", "dsn"),
    }
)
_SECRET_END = re.compile(
    r"(?:token|pwd)$|(?:otp|mpin|tpin|cvv|cvc)(?:code|value|number|no)$|pin(?:value|number)$"
)
_PERSONAL = (
    (
        re.compile(
            r"(?:phone|mobile|msisdn|whatsapp|telephone)(?:number|num|no|e164)?s?$|contact(?:number|no)$"
        ),
        Kind.PHONE,
    ),
    (re.compile(r"(?:caller|callee|customer|from|to|dialed|dialled)(?:number|no|phone)$"), Kind.PHONE),
    (re.compile(r"e?mail(?:address|id)?s?$"), Kind.EMAIL),
    (re.compile(r"^pan$|(?:pan|pancard)(?:number|num|no)$|pancard$"), Kind.PAN),
    (re.compile(r"aadhaa?r(?:number|num|no|card)?$"), Kind.AADHAAR),
    (re.compile(r"(?:account|acct|acc|ac)(?:number|num|no)$"), Kind.ACCOUNT),
    (re.compile(r"card(?:number|num|no)$"), Kind.CARD),
    (re.compile(r"^upi$|upi(?:id|address)$|vpa$"), Kind.UPI),
)
_NUMBER_LAST = frozenset(
    {
        *("id", "ids", "uuid", "ref", "reference", "utr", "rrn", "txn", "order", "key", "hash", "sha", "seq"),
        *("ms", "us", "ns", "seconds", "secs", "sec", "bytes", "count", "total", "size", "offset", "version"),
        *("timestamp", "ts", "time", "epoch", "at", "duration", "amount", "paise", "rupees", "port", "pid"),
        *("invoice", "ticket", "trace", "span", "thread", "pod", "node", "container", "build", "lineno"),
    }
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def kind_of(key: str) -> Kind:
    """How the value of a field of this name is treated; any case, snake, kebab and camel alike."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words:
        return Kind.OPEN
    joined = "".join(words)
    if joined in _KEPT:
        return Kind.KEPT
    if words[-1] in _SECRET_LAST or _SECRET_ANYWHERE.search(joined) or _SECRET_END.search(joined):
        return Kind.SECRET
    if words[-1] == "tokens":
        return Kind.TOKENS
    for pattern, kind in _PERSONAL:
        if pattern.search(joined):
            return kind
    return Kind.IDENTIFIER if words[-1] in _NUMBER_LAST else Kind.OPEN
