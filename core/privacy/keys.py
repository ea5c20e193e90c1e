"""What a field's name says about its value, and free names for fields whose own is taken."""

import re
from collections.abc import Container
from enum import Enum
from functools import lru_cache
from itertools import pairwise

from core.privacy.identities import ADDRESS_KEY, NAME_KEY, PERSON_KEY
from core.privacy.transcripts import NAME_OF_TRANSCRIPT

_SPEECH = """
deepgram assemblyai elevenlabs cartesia sarvam playht rime lmnt speechmatics gladia soniox smallest
smallestai murf resemble hume neuphonic inworld revai gnani reverie bhashini krisp picovoice
speechify fishaudio whisper polly
"""
_LANGUAGE_MODELS = """
openai anthropic claude gemini google vertex azure groq mistral cohere together togetherai fireworks
fireworksai perplexity pplx openrouter xai grok deepseek cerebras sambanova nvidia nim replicate
huggingface hf bedrock anyscale baseten modal voyage jina llama krutrim langsmith langchain langfuse
helicone portkey pinecone qdrant weaviate litellm llm asr stt tts
"""
_TELEPHONY_AND_AGENTS = """
twilio exotel plivo telnyx vonage nexmo bandwidth signalwire knowlarity ozonetel myoperator servetel
tatatele airtel jio livekit daily agora vapi retell bland ultravox pipecat dograh bolna tavus zoom
sinch infobip ringcentral
"""
_OTHERS = """
msg91 msg gupshup kaleyra textlocal karix valuefirst wati aisensy interakt twofactor sendgrid
mailgun mailchimp mandrill postmark resend brevo sendinblue sparkpost slack telegram whatsapp
firebase fcm onesignal pusher ably razorpay stripe cashfree payu paytm phonepe setu signzy karza
digio leegality cibil experian equifax crif perfios hubspot salesforce zoho leadsquared freshworks
zendesk intercom segment mixpanel amplitude posthog sentry datadog newrelic grafana pagerduty splunk
elastic aws gcp cloudflare digitalocean supabase mongodb github gitlab notion airtable linear jira
maps recaptcha hmac ssh aes rsa server service admin vendor partner merchant sandbox prod production
live
"""
VENDORS = frozenset(f"{_SPEECH}{_LANGUAGE_MODELS}{_TELEPHONY_AND_AGENTS}{_OTHERS}".split())
"""Services whose keys are masked by field name, as in ``deepgram_key``, and general words."""


class Kind(Enum):
    """How a field's value is treated because of the field's name."""

    OPEN = "judged by what it looks like"
    KEPT = "kept as it is"
    LEAD = "kept, but of a phone its blind index"
    IDENTIFIER = "a plain number in it is no phone"
    COUNT = "a plain number is no phone; one in a list may be"
    SECRET = "masked whole"  # noqa: S105 (says what is done with one)
    TOKENS = "masked whole unless it is a count or a measure"
    KEY = "masked whole where it looks made by chance"
    KEYED = "masked whole where it has as many digits as a PIN"
    PHONE = "phone"
    EMAIL = "email"
    PAN = "pan"
    AADHAAR = "aadhaar"
    ACCOUNT = "account"
    CARD = "card"
    UPI = "upi"
    TRANSCRIPT = "transcript"
    VOTER = "voter"
    PASSPORT = "passport"
    LICENCE = "licence"
    VEHICLE = "vehicle"
    IFSC = "ifsc"
    NAME = "name"
    ADDRESS = "address"
    DOB = "dob"
    PERSON = "judged by what it looks like; a name in it is a person's"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEPT = {"callid": Kind.KEPT, "leadid": Kind.LEAD}
_SECRET_ANYWHERE = re.compile(
    r"passw(?:or)?d|passphrase|passcode|secret(?!ar)|authori[sz]ation|credential|cookie|bearer|webhookurl"
    r"|(?:api|auth|session|access|account|private|encryption|signing|subscription|license|master|consumer)key"
)
_CODES = frozenset({"otp", "otps", "mpin", "tpin", "upin", "cvv", "cvc", "pwd", "totp", "csrf", "jwt", "dsn"})
"""Codes that are never quantities."""
_SECRET_LAST = _CODES | {"creds", "token", "pin", "pins", "pass", "pw", "auth", "signature", "sig", "jwts"}
_SECRET_END = re.compile(
    r"(?:token|pwd)$|(?:otp|mpin|tpin|cvv|cvc)(?:code|value|number|no)$|pin(?:value|number)$|passkeys?$"
    r"|(?:verification|security|login|signin|confirmation|activation|recovery|backup|auth|[m2]fa|twofa|factor)codes?$"
    r"|(?:php|j)sessi?o?n?id$|(?:srtp|sdes|index|receipt)key$"
)
_HINDI_CODES = frozenset({"पासवर्ड", "ओटीपी", "पिन"})
_GIVEN = _names(
    "entered given typed input received provided submitted said heard spoken value raw plain text "
    "string digits old new current actual expected"
)
"""After a secret's name: the value is the secret itself."""
_ABOUT = _names(
    "sent status state type kind channel provider method mode result reason error valid verified "
    "verification expired required enabled requested flow id name step event service format "
    "language missing present matched ok"
)
"""After a code's name: the value describes the code, and is not the code."""
_MEASURES = _names(
    "ms us ns seconds secs sec minutes mins hours days count total size bytes length len attempts "
    "tries retries rate ratio share percent pct age ttl latency duration cost usage budget limit "
    "max min avg mean median expiry in at on ts timestamp time epoch left remaining used"
)
_MEASURED = _MEASURES | {"first", "last", "per", "ttft", "num", "number", "throughput", "p", "speed"}
"""Words that make a measure of a following name such as ``token``: ``time_to_first_token``."""
_IDENTIFYING_KEYS = _names(
    "primary foreign partition sort cache idempotency routing object row dedup dedupe group "
    "public index map lookup hash range message storage bucket file order unique event topic "
    "shard metric label host item record s3 blob translation error lead call campaign customer "
    "contact request job task queue redis lock join natural business composite config setting "
    "json dict data field column state widget ui dtmf pressed minor recording audio"
)
_PERSONAL = (
    (
        re.compile(
            r"(?:phone|mobile|msisdn|whatsapp|telephone)(?:number|num|no|e164)?s?$|contact(?:number|no)$"
        ),
        Kind.PHONE,
    ),
    (re.compile(r"(?:caller|callee|customer|from|to|dialed|dialled)(?:number|no|phone)$"), Kind.PHONE),
    (re.compile(r"(?:caller|callee|called|calling|dialed|dialled)(?:party)?ids?$|^(?:cli|ani)$"), Kind.PHONE),
    (re.compile(r"e?mail(?:address|id)?s?$"), Kind.EMAIL),
    (re.compile(r"^pan$|(?:pan|pancard)(?:number|num|no)$|pancard$"), Kind.PAN),
    (re.compile(r"aadhaa?r(?:number|num|no|card)?$"), Kind.AADHAAR),
    (re.compile(r"(?:account|acct|acc|ac)(?:number|num|no)$"), Kind.ACCOUNT),
    (re.compile(r"^(?:bank|savings?|salary|beneficiary)(?:account|acct|acc)$"), Kind.ACCOUNT),
    (re.compile(r"^(?:customer|lead|borrower|applicant)?(?:dob|dateofbirth|birth(?:date|day))$"), Kind.DOB),
    (re.compile(r"card(?:number|num|no)$"), Kind.CARD),
    (re.compile(r"^upi$|upi(?:id|address)$|vpa$"), Kind.UPI),
    (NAME_OF_TRANSCRIPT, Kind.TRANSCRIPT),
    # What a caller typed on the phone: a choice of a menu, or a PIN.
    (re.compile(r"^digits$|dtmf(?:digits?|input|tones?)?$|(?:pressed|keyed|gathered)digits$"), Kind.KEYED),
    (re.compile(r"^(?:voter|voterid|epic|voterid?card)(?:number|num|no)?$"), Kind.VOTER),
    (re.compile(r"^passport(?:number|num|no)?$"), Kind.PASSPORT),
    (
        re.compile(r"^(?:driving|driver|drivers)?licen[cs]e(?:number|num|no)$|^drivinglicen[cs]e$"),
        Kind.LICENCE,
    ),
    (re.compile(r"^(?:vehicle|registration|car|bike)(?:registration)?(?:number|num|no)$"), Kind.VEHICLE),
    (re.compile(r"^ifsc(?:code)?$"), Kind.IFSC),
    (NAME_KEY, Kind.NAME),
    (ADDRESS_KEY, Kind.ADDRESS),
    (PERSON_KEY, Kind.PERSON),
)
_NUMBER_LAST = frozenset(
    {
        *("id", "ids", "uuid", "ref", "reference", "utr", "rrn", "txn", "order", "key", "hash", "sha", "seq"),
        *("ms", "us", "ns", "seconds", "secs", "sec", "bytes", "count", "total", "size", "offset", "version"),
        *("timestamp", "ts", "time", "epoch", "at", "duration", "amount", "paise", "rupees", "port", "pid"),
        *(
            "rss",
            "memory",
            "length",
            "nanoseconds",
            "elapsed",
            "uptime",
            "created",
            "expires",
            "sequence",
            "serial",
        ),
        *("checksum", "crc", "seed", "micros", "bitrate", "jitter", "balance", "nonce"),
        *("invoice", "ticket", "trace", "span", "thread", "pod", "node", "container", "build", "lineno"),
    }
)
_MEASURED_THINGS = _names("bytes packets heap disk")
_COUNTED = _names("samples records ticks packets")
_NUMBERED_THINGS = _names(
    "order ref reference utr rrn txn transaction invoice ticket serial sequence seq receipt"
)
_NUMBERED = _names(
    "phone phones mobile msisdn whatsapp wa telephone tel caller callee cell cli ani dnis did dialed dialled "
    "recipient aadhaar aadhar adhar card"
)
"""Words after which a number is examined, whatever the name's last word says: ``phone_ref``."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


_MOST_PREFIXES = 3
"""``extra_`` before the name of a field."""


@lru_cache(maxsize=4096)
def kind_of(key: str) -> Kind:
    """Return how to treat the value of a field of this name; in any case, snake, kebab or camel."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if (kept := _KEPT.get("".join(words))) is not None:
        return kept
    while len(words) > 1 and words[-1].isdigit():
        words.pop()  # cvv2, phone_1
        if len(words) > 1 and words[-1] == "v":
            words.pop()  # signature_v3
    if not words:
        return Kind.SECRET if key in _HINDI_CODES else Kind.OPEN
    joined = "".join(words)
    if _is_secret(words, joined):
        return Kind.TOKENS if _is_measure(words) else Kind.SECRET
    if words[-1] == "tokens":
        return Kind.TOKENS
    for pattern, kind in _PERSONAL:
        if pattern.search(joined):
            return kind
    return _kind_of_number(words)


def _kind_of_number(words: list[str]) -> Kind:
    """Return what a name that is neither secret nor personal says about numbers in the value."""
    if not _NUMBERED.isdisjoint(words) or words[:2] == ["remote", "party"]:
        return Kind.OPEN
    if words[0] in _MEASURED_THINGS:
        return Kind.IDENTIFIER  # bytes_sent
    if words[-1] in _COUNTED:
        return Kind.COUNT
    if words[-1] in {"no", "number"} and words[-2:-1] and words[-2] in _NUMBERED_THINGS:
        return Kind.IDENTIFIER
    if words[-1] == "key" and len(words) > 1 and _IDENTIFYING_KEYS.isdisjoint(words):
        return Kind.KEY
    return Kind.IDENTIFIER if words[-1] in _NUMBER_LAST else Kind.OPEN


def looks_made_by_chance(text: str) -> bool:
    """Return whether a text is long and mixed enough to be a generated key."""
    return (
        len(text) >= _SHORTEST_KEY
        and not any(char.isspace() for char in text)
        and any(char.isdigit() for char in text)
        and any(char.isalpha() for char in text)
    )


_SHORTEST_KEY = 16
_FEWEST_KEYED = 4
_NUMBER = r"-?(?:\d{1,12}|\d{1,3}(?:,\d{2,3}){1,4})(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?"
_UNIT = r"\s?(?:[mµun]?s|secs?|%)"
_MOMENT = (
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?:\d{1,4}[dhm]){1,3}(?:\d{1,4}(?:\.\d{1,9})?s)?"
)
_MEASURE = re.compile(rf"{_NUMBER}(?:{_UNIT})?|{_MOMENT}")
_WITH_UNIT = re.compile(_NUMBER + _UNIT)


def is_measure(text: str, *, with_unit: bool = False) -> bool:
    """Return whether a text is a number, with or without a unit, or a time; ``with_unit`` asks for a unit."""
    return (_WITH_UNIT if with_unit else _MEASURE).fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Return whether what a caller keyed in has as many digits as a PIN."""
    return sum(map(str.isdecimal, text)) >= _FEWEST_KEYED


_DIALLED = re.compile(
    r"from|to|src|dst|clid|did|cli|ani|waid|destination|recipient|remoteparty|peer|[ab]party"
    r"|(?:call|caller|called|calling|callee|dialed|dialled)(?:from|to|id|no|number|party)?"
    r"|(?:transferred|forwarded)(?:from|to)|(?:from|to)sipuri|(?:customer|lead|client)?contact"
    r"|(?:[ab]|to|from|destination|source|remote|agent|virtual|peer|party|customer|client|lead|user|contact"
    r"|alt|alternate|alternative|dialwhom|transfer|forward|recipient|whatsapp|wa)(?:number|num|no)"
)


@lru_cache(maxsize=4096)
def is_dialled(name: str) -> bool:
    """Return whether a field of this name holds who calls or is called, as carriers and platforms spell it.

    The value may be anything else as well: a queue, a name.
    """
    return _DIALLED.fullmatch("".join(filter(str.isalnum, name)).lower()) is not None


def _is_secret(words: list[str], joined: str) -> bool:
    last, before = words[-1], words[:-1]
    if last in _SECRET_LAST or _SECRET_ANYWHERE.search(joined) or _SECRET_END.search(joined):
        return True
    if not _CODES.isdisjoint(words):
        return last not in _ABOUT and last not in _MEASURES
    if last in _GIVEN:
        return not _SECRET_LAST.isdisjoint(before)
    return last in {"key", "keys"} and _names_vendor(before)


def _names_vendor(words: list[str]) -> bool:
    pairs = [first + second for first, second in pairwise(words)]
    return not VENDORS.isdisjoint(words + pairs) and _IDENTIFYING_KEYS.isdisjoint(words)


def _is_measure(words: list[str]) -> bool:
    """Return whether the name measures something about a secret, such as ``token_age_days``."""
    if words[-1] in _MEASURES:
        return True
    return words[-1] not in _CODES | {"pin", "pins"} and not _MEASURED.isdisjoint(words[:-1])


def free_name(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """Return the name, or ``name_2``, ``name_3`` … if it is taken.

    ``counts`` is kept from one field to the next, so that thousands of fields with one name stay cheap.
    """
    if name not in taken:
        return name
    number = counts.get(name, 1) + 1
    while (free := f"{name}_{number}") in taken:
        number += 1
    counts[name] = number
    return free


def extra_name(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """Return ``extra_name`` for a field named like one of a line's own, numbered if that is taken too."""
    for _ in range(_MOST_PREFIXES):
        if name not in taken:
            return name
        name = f"extra_{name}"
    return free_name(name, taken, counts)
