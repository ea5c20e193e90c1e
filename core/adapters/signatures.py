"""Verify vendors' signatures of their webhooks, in constant time.

After docs.vapi.ai/server-url/server-authentication, and the vendors' packages for Python: retell-sdk 5.60.0
(``lib/webhook_auth.py``), elevenlabs of July 2026 (``webhooks_custom.py``), twilio
(``request_validator.py``), plivo (``utils/signature_v3.py``), telnyx 4.176.0
(``lib/webhook_verification.py``).

A signature that covers the address needs the one the vendor called, as seen from outside.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from core.adapters.delivery import Request
from core.clock import utc_now
from core.errors import UserError

FIVE_MINUTES, HALF_AN_HOUR = 300.0, 1_800.0
_MILLISECONDS_FROM = 1e11
"""From which size a time since 1970 is in milliseconds."""
_PORTS = {"https": 443, "http": 80}


def vapi(request: Request, secret: str) -> bool:
    """Return whether Vapi sent it: the secret itself in a header, or HMAC-SHA256 over time and body.

    A credential with an HMAC sends its signature in ``x-signature`` or ``x-vapi-signature`` and the time in
    ``x-timestamp``. The signed content must be what Vapi proposes: ``{timestamp}.{body}``, or ``{body}`` if
    there is no timestamp.
    """
    plain = request.headers.get("authorization", "").removeprefix("Bearer ")
    if any(_same(given, secret) for given in (request.headers.get("x-vapi-secret", ""), plain)):
        return bool(secret)
    given = request.headers.get("x-signature") or request.headers.get("x-vapi-signature") or ""
    if _same(given, secret):  # the header's use before there were credentials
        return bool(secret)
    moment = request.headers.get("x-timestamp")
    if moment is not None and not _is_recent(moment, FIVE_MINUTES):
        return False
    signed = request.body if moment is None else moment.encode() + b"." + request.body
    return _is_hmac(given.removeprefix("sha256="), secret, signed)


def retell(request: Request, secret: str) -> bool:
    """Return whether Retell sent it within five minutes.

    ``x-retell-signature: v=<ms>,d=<hex>``, by the API key.
    """
    given = _fields(request.headers.get("x-retell-signature", ""))
    moment = given.get("v", "")
    return _is_recent(moment, FIVE_MINUTES) and _is_hmac(
        given.get("d", ""), secret, request.body + moment.encode()
    )


def elevenlabs(request: Request, secret: str) -> bool:
    """Return whether ElevenLabs sent it within half an hour: ``elevenlabs-signature: t=<s>,v0=<hex>``."""
    given = _fields(request.headers.get("elevenlabs-signature", ""))
    moment = given.get("t", "")
    return _is_recent(moment, HALF_AN_HOUR) and _is_hmac(
        given.get("v0", ""), secret, moment.encode() + b"." + request.body
    )


def twilio(request: Request, secret: str) -> bool:
    """Return whether Twilio sent it: ``x-twilio-signature``, HMAC-SHA1 by the account's token.

    It covers address and form. The address is tried with and without its port, as Twilio signs either. A JSON
    body is covered by its hash, which is part of the address.
    """
    given = request.headers.get("x-twilio-signature", "")
    parts = _split(request.url)
    if parts is None:
        return False
    hashes = parse_qs(parts.query).get("bodySHA256", [])
    if hashes and not _same(hashes[0].lower(), hashlib.sha256(request.body).hexdigest()):
        return False
    if request.body and not request.form and not hashes:
        return False  # nothing signed the body
    form = "".join(f"{name}{request.form[name]}" for name in sorted(request.form))
    return any(
        _is_base64(given, secret, (url + form).encode(), "sha1") for url in _with_and_without_port(parts)
    )


def plivo(request: Request, secret: str) -> bool:
    """Return whether Plivo sent it.

    Version 3 of its signature over address, form and nonce, else version 2.
    """
    headers = request.headers
    parts = _split(request.url)
    if parts is None:
        return False
    plain = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    nonce = headers.get("x-plivo-signature-v3-nonce", "")
    signed = f"{_plivo_address(plain, parts.query, request.form)}.{nonce}".encode()
    given = [headers.get(name, "") for name in ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")]
    if nonce and any(_is_base64(one, secret, signed, "sha256") for text in given for one in text.split(",")):
        return True
    nonce = headers.get("x-plivo-signature-v2-nonce", "")
    return bool(nonce) and _is_base64(
        headers.get("x-plivo-signature-v2", ""), secret, (plain + nonce).encode(), "sha256"
    )


def telnyx(request: Request, secret: str) -> bool:
    """Return whether Telnyx sent it within five minutes: Ed25519 over time and body.

    The secret is Telnyx's public key.

    Raises:
        UserError: the package ``cryptography`` is missing, or the secret is not a public key.
    """
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (one source alone needs it)
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 (the same)
    except ImportError:
        raise UserError(
            "the signatures of Telnyx are checked with the package cryptography: install it"
        ) from None
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(secret, validate=True))
    except (binascii.Error, ValueError):
        raise UserError("the secret of telnyx must be the account's public key, in base64") from None
    moment = request.headers.get("telnyx-timestamp", "")
    if not _is_recent(moment, FIVE_MINUTES):
        return False
    try:
        signature = base64.b64decode(request.headers.get("telnyx-signature-ed25519", ""), validate=True)
        key.verify(signature, moment.encode() + b"|" + request.body)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _plivo_address(plain: str, query: str, form: Mapping[str, str]) -> str:
    values = parse_qs(query, keep_blank_values=True)
    pairs = "&".join(f"{name}={value}" for name in sorted(values) for value in sorted(values[name]))
    signed = f"{plain}?{pairs}" if pairs or form else plain
    if pairs and form:
        signed += "."
    return signed + "".join(f"{name}{form[name]}" for name in sorted(form))


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address; None if it is not one, or its port is not a number."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if port is None or port else None


def _with_and_without_port(parts: SplitResult) -> Iterator[str]:
    host = parts.hostname or ""
    for place in (parts.netloc, host, f"{host}:{parts.port or _PORTS.get(parts.scheme)}"):
        yield parts._replace(netloc=place).geturl()


def _fields(text: str) -> dict[str, str]:
    """Return the fields of a header such as ``t=1,v0=ab``."""
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs}


def _is_recent(moment: str, tolerance: float) -> bool:
    if not (moment.isascii() and moment.isdigit()) or len(moment) > len(str(int(_MILLISECONDS_FROM))) + 4:
        return False
    seconds = int(moment)
    return (
        abs(utc_now().timestamp() - (seconds / 1_000 if seconds >= _MILLISECONDS_FROM else seconds))
        <= tolerance
    )


def _is_hmac(given: str, secret: str, signed: bytes) -> bool:
    return bool(secret) and _same(given, hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest())


def _is_base64(given: str, secret: str, signed: bytes, digest: str) -> bool:
    made = base64.b64encode(hmac.new(secret.encode(), signed, digest).digest()).decode()
    return bool(secret) and _same(given.strip(), made)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
