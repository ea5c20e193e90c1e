"""Find keys, tokens and passwords in running text, by their shape or by the name before them."""

import binascii
import re

from core.privacy.kinds import behind
from core.privacy.named import mask_named

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
_CLOUD_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}|gh[pousr]_\w{30,}"
    r"|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{20,}"
    r"|(?:sk|rk|pk|rzp)_(?:live|test)_\w{8,}"
    r"|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|hvs\.[\w-]{20,}|npm_\w{30,}|GOCSPX-[\w-]{20,}"
    # Twilio: an account, with its token.
    r"|AC[0-9a-f]{32}(?![0-9a-f])(?:(?:[\"']?\s?[:,]\s?[\"']?)[0-9a-f]{32}(?![0-9a-f]))?"
    # Speech and language models: Groq, ElevenLabs, Hugging Face, Together, Fireworks, Perplexity …
    r"|gsk_[A-Za-z0-9]{30,}|sk_[A-Za-z0-9_]{24,}|hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z]{30,}|tgp_v1_[\w-]{30,}"
    r"|fw_[A-Za-z0-9]{20,}|fpk_[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}"
    r"|csk-[a-z0-9]{30,}|nvapi-[\w-]{40,}|esecret_[A-Za-z0-9]{20,}|pa-[\w-]{40,}|jina_[A-Za-z0-9_-]{40,}"
    r"|pcsk_\w{30,}|lsv2_[a-z]{2}_[0-9a-f]{32}(?:_[0-9a-f]{10})?|[ps]k-lf-[0-9a-f-]{30,}"
    # Telephony, media and messages: Twilio, SignalWire, Telnyx, Retell, Telegram, Meta, Mailgun, Brevo …
    r"|SK[0-9a-f]{32}(?![0-9a-f])(?::[A-Za-z0-9]{32}(?![A-Za-z0-9]))?|P(?:T|SK)[0-9a-f]{40,}|KEY[0-9A-F]{32}_\w{10,}"
    r"|key_[0-9a-f]{24,}|key-[0-9a-f]{32}"
    r"|(?:(?<=/)bot)?\d{8,10}:AA[\w-]{32,34}|EAA[A-Za-z0-9]{50,}|xkeysib-[0-9a-f]{64}-\w{16}|xsmtpsib-[0-9a-f-]{60,}"
    r"|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,}|sntrys_[\w+/=-]{30,}|gl(?:sa|c)_[\w=-]{30,}"
    # Clouds and records: DigitalOcean, Databricks, Docker, PyPI, HubSpot, New Relic, Supabase, Notion …
    r"|do[opr]_v1_[0-9a-f]{50,}|dapi[0-9a-f]{32}|dckr_pat_[\w-]{20,}|pypi-[\w-]{40,}|pat-[a-z]{2}\d-[0-9a-f-]{36}"
    r"|NR(?:AK|JS|II)-[A-Za-z0-9]{20,}|sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,}|ATATT3[\w=-]{50,}"
    r"|(?:ntn|secret)_[A-Za-z0-9]{40,}"
    r"|lin_api_[A-Za-z0-9]{30,}|shp(?:at|ss|ca|pa)_[0-9a-f]{32}|1000\.[0-9a-f]{32}\.[0-9a-f]{32})"
)
SHORTEST_KEY = 16
# Any text that contains a key matches this pattern as well, at a third of the cost.
CLOUD_KEY_MARK = re.compile(
    r"A(?:[KS]IA|Iza|C[0-9a-f])|ya29\.|_(?:live|test|pat|org|v1|api|secret)_|[a-z](?:at|lpat|lx|ai|sk|api|it|app|ypi)-|sk-|SG\.|hvs\."
    r"|xox|(?:sk|hf|fw|fpk|8|key|re|sec|rys|sa|lc|sbp|ntn|secret|jina|npm|gh[pousr]|lsv2|hp(?:at|ss|ca|pa))_"
    r"|[ps]k-|pa-|key-|SK[0-9a-f]|PT[0-9a-f]|PSK|KEY|CSPX-|:AA|EAA|ib-|dapi|NR[AJI]|ATATT|1000\."
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(bearer\s+)(?!\[)[\w.~+/=-]{6,}", re.IGNORECASE)
_BASIC = re.compile(r"\b(basic\s+)([A-Za-z0-9+/_-]{8,}+={0,2})", re.IGNORECASE)
_HOOK = re.compile(
    r"(https://(?:hooks\.slack(?:-gov)?\.com/|(?:canary\.|ptb\.)?discord(?:app)?\.com/api/webhooks/"
    r"|[\w-]{1,63}\.webhook\.office\.com/))(?!\[)[^\s\"'<>]+"
)
_MEDIA_KEY = re.compile(r"(\binline:)[A-Za-z0-9+/]{20,}={0,2}")
"""Of an encrypted call, as session descriptions have it."""
_IN_URL = re.compile(r"://[^\s/\"'<>?#]+@")


def mask_credentials(text: str, off: frozenset[str], *, may_name: bool) -> str:
    """Return the text with all that would grant access masked, except for the kinds that are off.

    ``may_name`` says that the text has a digit, a colon or an equals sign; without any it names no secret.
    """
    if "PRIVATE KEY" in text and "private_key" not in off:
        text = _PRIVATE_KEY.sub("[private key]", text)
    if "secret" not in off:
        text = mask_named(text, may_name=may_name)
    if may_name and "://" in text and "url" not in off:
        text = _HOOK.sub(behind("[webhook]"), text)
        text = _IN_URL.sub("://[credentials]@", text)
    return _mask_shapes(text, off)


def _mask_shapes(text: str, off: frozenset[str]) -> str:
    """Mask what is recognised by its own shape: JWTs, keys of cloud services, bearer tokens."""
    if "eyJ" in text and "jwt" not in off:
        text = _JWT.sub("[jwt]", text)
    if "key" not in off and _has_long_word(text) and CLOUD_KEY_MARK.search(text):
        text = _CLOUD_KEY.sub("[key]", text)
    if ("earer" in text or "EARER" in text) and "token" not in off:
        text = _BEARER.sub(behind("[token]"), text)
    if ("asic " in text or "ASIC " in text) and "token" not in off:
        text = _BASIC.sub(_masked_pair, text)
    if "inline:" in text and "key" not in off:
        text = _MEDIA_KEY.sub(behind("[key]"), text)
    return text


def _masked_pair(match: re.Match[str]) -> str:
    """Mask a user's name and password in base64, and no other word after "basic"."""
    coded = match[2].rstrip("=")
    coded = coded.translate(_URL_SAFE)[: len(coded) - (len(coded) % 4 == 1)]
    said = binascii.a2b_base64(coded + "=" * (-len(coded) % 4))
    return f"{match[1]}[token]" if b":" in said and said.isascii() else match[0]


_URL_SAFE = str.maketrans("-_", "+/")


def _has_long_word(text: str) -> bool:
    """Return whether a text has a word as long as a key; most have none."""
    return len(text) >= SHORTEST_KEY and max(map(len, text.split()), default=0) >= SHORTEST_KEY
