"""What a vendor signed is taken, and nothing else: neither another body, nor another secret, nor late."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.adapters import signatures
from core.adapters.delivery import Request
from core.clock import utc_now
from core.errors import UserError

SECRET = "made-up-secret"
BODY = b'{"event":"call_ended"}'
URL = "https://your-host.example/hooks/plivo?call_id=ours-1"
FORM = {"CallUUID": "pl-1", "CallStatus": "completed", "To": "+910000000000"}


def seconds(ago: timedelta = timedelta()) -> str:
    return str(int((utc_now() - ago).timestamp()))


def hexed(text: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def based(text: str, digest: str, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()


def post(
    headers: dict[str, str], body: bytes = BODY, url: str = URL, form: dict[str, str] | None = None
) -> Request:
    return Request(url=url, headers=headers, body=body, form=form or {})


def retell(ago: timedelta = timedelta()) -> Request:
    moment = seconds(ago) + "000"
    return post({"x-retell-signature": f"v={moment},d={hexed(BODY + moment.encode())}"})


def elevenlabs(ago: timedelta = timedelta()) -> Request:
    moment = seconds(ago)
    return post({"elevenlabs-signature": f"t={moment},v0={hexed(moment.encode() + b'.' + BODY)}"})


def vapi(ago: timedelta = timedelta()) -> Request:
    moment = seconds(ago)
    return post({"x-timestamp": moment, "x-signature": hexed(moment.encode() + b"." + BODY)})


def twilio(url: str = URL, signed: str = URL) -> Request:
    text = signed + "".join(f"{name}{FORM[name]}" for name in sorted(FORM))
    return post({"x-twilio-signature": based(text, "sha1")}, url=url, form=FORM)


def plivo() -> Request:
    address = "https://your-host.example/hooks/plivo?call_id=ours-1."
    text = address + "".join(f"{name}{FORM[name]}" for name in sorted(FORM)) + ".nonce-1"
    given = f"c29tZXRoaW5n,{based(text, 'sha256')}"
    return post({"x-plivo-signature-v3": given, "x-plivo-signature-v3-nonce": "nonce-1"}, form=FORM)


CHECKS: dict[str, tuple[Callable[[Request, str], bool], Callable[[], Request]]] = {
    "retell": (signatures.retell, retell),
    "elevenlabs": (signatures.elevenlabs, elevenlabs),
    "vapi": (signatures.vapi, vapi),
    "twilio": (signatures.twilio, twilio),
    "plivo": (signatures.plivo, plivo),
}


@pytest.mark.parametrize("vendor", CHECKS)
def test_what_the_vendor_signed_is_taken(vendor: str) -> None:
    check, make = CHECKS[vendor]
    assert check(make(), SECRET)


@pytest.mark.parametrize("vendor", CHECKS)
@pytest.mark.parametrize("secret", ["another", "", SECRET + " "])
def test_another_secret_is_refused(vendor: str, secret: str) -> None:
    check, make = CHECKS[vendor]
    assert not check(make(), secret)


@pytest.mark.parametrize("vendor", ["retell", "elevenlabs", "vapi"])
def test_another_body_is_refused(vendor: str) -> None:
    check, make = CHECKS[vendor]
    assert not check(replace(make(), body=BODY + b" "), SECRET)


@pytest.mark.parametrize("vendor", ["twilio", "plivo"])
def test_another_form_or_address_is_refused(vendor: str) -> None:
    check, make = CHECKS[vendor]
    assert not check(replace(make(), form=FORM | {"CallStatus": "busy"}), SECRET)
    assert not check(replace(make(), url=URL.replace("ours-1", "ours-2")), SECRET)


@pytest.mark.parametrize("vendor", CHECKS)
def test_a_request_that_is_not_signed_is_refused(vendor: str) -> None:
    check, make = CHECKS[vendor]
    unsigned = dict.fromkeys(make().headers, "")
    assert not check(replace(make(), headers=unsigned), SECRET)
    assert not check(replace(make(), headers={}), SECRET)
    assert not check(replace(make(), headers=dict.fromkeys(unsigned, "ü,=v=é,t=1,v0=ö")), SECRET)


@pytest.mark.parametrize(
    ("vendor", "minutes"),
    [("retell", 6), ("retell", -6), ("vapi", 6), ("elevenlabs", 31), ("elevenlabs", -31)],
)
def test_a_signature_of_another_time_is_refused(vendor: str, minutes: int) -> None:
    """So that what was overheard once cannot be sent again."""
    makers = {"retell": retell, "vapi": vapi, "elevenlabs": elevenlabs}
    assert not CHECKS[vendor][0](makers[vendor](timedelta(minutes=minutes)), SECRET)


@pytest.mark.parametrize(
    "headers",
    [{"x-vapi-secret": SECRET}, {"authorization": f"Bearer {SECRET}"}, {"x-vapi-signature": SECRET}],
)
def test_vapi_may_send_the_secret_itself(headers: dict[str, str]) -> None:
    assert signatures.vapi(post(headers), SECRET)
    assert not signatures.vapi(post(headers), "another")
    assert not signatures.vapi(post(dict.fromkeys(headers, "")), "")


def test_twilio_may_sign_the_address_with_its_port_or_without() -> None:
    with_port = URL.replace("your-host.example", "your-host.example:443")
    assert signatures.twilio(twilio(url=URL, signed=with_port), SECRET)
    assert signatures.twilio(twilio(url=with_port, signed=URL), SECRET)


@pytest.mark.parametrize("vendor", ["twilio", "plivo"])
@pytest.mark.parametrize("url", ["https://[broken", "https://host:port/hooks", "", "http://host:99999999/"])
def test_an_address_that_is_none_is_refused(vendor: str, url: str) -> None:
    check, make = CHECKS[vendor]
    assert not check(replace(make(), url=url), SECRET)


def test_twilio_signs_a_json_body_by_its_hash_in_the_address() -> None:
    url = f"https://your-host.example/hooks/twilio?bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    request = post({"x-twilio-signature": based(url, "sha1")}, url=url)
    assert signatures.twilio(request, SECRET)
    assert not signatures.twilio(replace(request, body=b"{}"), SECRET)


def test_a_body_that_twilio_did_not_sign_is_refused() -> None:
    """A signature of the address alone, as of a GET to it, must not carry any JSON."""
    signed = post({"x-twilio-signature": based(URL, "sha1")}, body=b"")
    assert signatures.twilio(signed, SECRET)
    assert not signatures.twilio(replace(signed, body=BODY), SECRET)


def test_plivo_may_sign_by_version_two() -> None:
    text = "https://your-host.example/hooks/plivo" + "nonce-2"
    headers = {"x-plivo-signature-v2": based(text, "sha256"), "x-plivo-signature-v2-nonce": "nonce-2"}
    assert signatures.plivo(post(headers), SECRET)
    assert not signatures.plivo(post(headers | {"x-plivo-signature-v2-nonce": "nonce-3"}), SECRET)


def test_the_signature_of_retell_is_that_of_its_own_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is the one that retell-sdk 5.60.0 gives in its own tests."""
    from core.adapters import signatures as checked

    digest = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
    moment = 1_700_000_000_000
    then = utc_now().fromtimestamp(moment / 1_000, utc_now().tzinfo)
    monkeypatch.setattr(checked, "utc_now", lambda: then)
    assert checked.retell(post({"x-retell-signature": f"v={moment},d={digest}"}), "test-api-key")


def test_telnyx_signs_with_a_key_of_which_the_account_shows_the_public_half() -> None:
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    moment = seconds()

    def signed(body: bytes, moment: str) -> Request:
        signature = base64.b64encode(key.sign(moment.encode() + b"|" + body)).decode()
        return post({"telnyx-timestamp": moment, "telnyx-signature-ed25519": signature}, body)

    request = signed(BODY, moment)
    assert signatures.telnyx(request, public)
    assert not signatures.telnyx(replace(request, body=b"{}"), public)
    assert not signatures.telnyx(signed(BODY, seconds(timedelta(minutes=6))), public)
    assert not signatures.telnyx(post({"telnyx-timestamp": moment, "telnyx-signature-ed25519": "%%"}), public)
    assert not signatures.telnyx(post({}), public)
    with pytest.raises(UserError, match="public key"):
        signatures.telnyx(request, "no key")
