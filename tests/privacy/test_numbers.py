# ruff: noqa: E501 (texts as they come)
"""Numbers: what is personal is masked as it is spoken, dictated, misheard or extended; what is none stays."""

import random
import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.privacy.masking import mask_text, mask_value

IDS_OF_A_KIND = 20_000
_chance = random.Random(7)  # noqa: S311 (ids that can be made again)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
IDS: dict[str, Callable[[], str]] = {
    "uuid4": lambda: str(uuid.UUID(int=_chance.getrandbits(128), version=4)),
    "trace id": lambda: f"{_chance.getrandbits(128):032x}",
    "span": lambda: f"span {_chance.getrandbits(64):016x}",
    "object id": lambda: f"{_chance.getrandbits(96):024x}",
    "hash": lambda: f"{_chance.getrandbits(160):040x}",
    "ulid": lambda: "01" + "".join(_chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=24)),
    "ksuid": lambda: "".join(_chance.choices(_BASE62, k=27)),
    "call sid": lambda: f"CA{_chance.getrandbits(128):032x}",
}  # fmt: skip


@pytest.mark.parametrize("kind", IDS)
def test_no_id_of_twenty_thousand_is_touched(kind: str) -> None:
    """One that was could not be joined with other systems any more."""
    for _ in range(IDS_OF_A_KIND // 200):
        text = "\n".join(f"room {IDS[kind]()} joined" for _ in range(200))
        assert mask_text(text) == text


@given(
    st.floats(1, 99_999, allow_nan=False),
    st.sampled_from(["took {} ms", '{{"ms": {}}}', "ms={}, x=1", "{} s"]),
)
def test_decimal_numbers_pass(value: float, form: str) -> None:
    """However many digits they have."""
    text = form.format(repr(value))
    assert mask_text(text) == text


_times = st.datetimes(datetime(1990, 1, 1), datetime(2039, 12, 31))  # noqa: DTZ001 (text only)
_TIME_FORMS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%d%m%Y%H%M%S", "%d%m%Y%H%M", "%Y%m%d%H%M%S%f")


@given(_times, st.sampled_from(_TIME_FORMS))
def test_compact_times_pass(time: datetime, form: str) -> None:
    """As names of recordings have them; as a plain number too."""
    text = time.strftime(form)[:16]
    assert mask_text(f"recording {text} saved") == f"recording {text} saved"
    if text[0] != "0":  # as a number it would be another one
        assert mask_value({"recording": int(text)}) == {"recording": int(text)}


def test_a_compact_time_that_is_named_as_personal_is_masked() -> None:
    """The name says more than the form."""
    assert mask_text("aadhaar 202606030715") == "aadhaar [aadhaar …0715]"
    assert mask_value({"aadhaar_number": "202606030715"}) == {"aadhaar_number": "[aadhaar …0715]"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /calls/+919840117362 404", "GET /calls/[phone …7362] 404"),
        ("+91 98401 17362 95 s", "[phone …7362] 95 s"),
        ("+919840117362 12 3", "[phone …7362] 12 3"),
        ("+44 20 7946 0958 200", "[phone …0958] 200"),
        ("+6591234567 503", "[phone …4567] 503"),
        ("+12125550147 201", "[phone …0147] 201"),
        ("+1-212-555-0147x308", "[phone …0147]x308"),
        ("+919840117362ext 21", "[phone …7362]ext 21"),
        ("+919840117362abc", "[phone …7362]abc"),
        ("9840117362x21", "[phone …7362]x21"),
        ("04423456781", "[phone …6781]"),
        ("call ०४४२३४५६७८१", "call [phone …6781]"),
        ("01204567890", "[phone …7890]"),
        ("caller_id=9840117362", "caller_id=[phone …7362]"),
        ("caller id 9840117362", "caller id [phone …7362]"),
        ("acc no: 618290447315", "acc no: [account …7315]"),
        ("account 50100234567896 credited", "account [account …7896] credited"),
        ("a/c 4111 1111 1111 1111", "a/c [account …1111]"),
        ("card 4111 1111 1111 1111", "card [card …1111]"),
        ("account 36759834601 9840117362", "account [account …7362]"),
        ("account 50100234567896, mobile 9840117362", "account [account …7896], mobile [phone …7362]"),
        ("span 1f0000ac 1790000123", "span 1f0000ac 1790000123"),
        ("upi://pay?pa=neha@newbank&pn=N", "upi://pay?pa=[upi]&pn=N"),
        ("upi://pay?pn=N&pa=9840117362%40newbank", "upi://pay?pn=N&pa=[upi]"),
        ("PAN card number is ABCDE1234F", "PAN card number is [pan]"),
    ],
)  # fmt: skip
def test_a_number_is_masked_to_its_end_and_no_further(text: str, expected: str) -> None:
    """What stands behind a phone, as a status or a duration, stays; an extension tells nobody's number."""
    assert mask_text(text) == expected


DICTATED = (
    "97011, 55238",
    "97011; 55238",
    "97011… 55238",
    "970, 115, 5238",
    "9, 7, 0, 1, 1, 5, 5, 2, 3, 8",
    "+91, 97011, 55238",
    "97011,55238",
    "97011 | 55238",
    "97011... 55238",
    "97011 -- 55238",
    "97011*55238",
)


@pytest.mark.parametrize("number", DICTATED)
def test_pauses_within_a_dictated_phone_do_not_hide_it(number: str) -> None:
    """Speech recognition writes them as commas and the like."""
    assert mask_text(f"dialling {number} now") == "dialling [phone …5238] now"


AMOUNTS = (
    "9,876,543,210 rows",
    "₹98,76,54,321.00",
    "[65012, 71234]",
    "p95=812, 904, 1105",
    "latencies 812, 904, 1105",
    "812, 904, 1105, 1300",
    "sizes 65012, 71234",
    "65012, 71234 ms",
)


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts_and_lists_of_figures_are_no_phones(text: str) -> None:
    """Though commas stand between their groups."""
    assert mask_text(f"{text}") == text


MISHEARD = (
    ("aadhaar number is {}", "3675 9834 6012", "aadhaar"), ("mera aadhar {} hai", "367598346012", "aadhaar"),
    ("my credit card number is {}", "5500 0000 0000 0005", "card"), ("card no {}, 12/29", "4111 1111 1111 1112", "card"),
    ("phone number is {}", "5840117362", "phone"), ("आधार नंबर {}", "3675 9834 6012", "aadhaar"),
    ("debit card ka number hai {}", "6011-1111-1111-1118", "card"), ("mobile number: {}", "12345 67890", "phone"),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "number", "kind"), MISHEARD)
def test_a_named_number_is_masked_though_its_check_digit_fails(sentence: str, number: str, kind: str) -> None:
    """One digit was misheard; the others are still personal."""
    assert mask_text(sentence.format(number)) == sentence.format(f"[{kind} …{number[-4:]}]")


_WORDS = {
    "english": "zero one two three four five six seven eight nine",
    "hinglish": "shunya ek do teen chaar paanch chhe saat aath nau",
    "hindi": "शून्य एक दो तीन चार पाँच छह सात आठ नौ",
    "transliterated": "ज़ीरो वन टू थ्री फोर फाइव सिक्स सेवन एट नाइन",
}
_digits = st.text("0123456789", min_size=10, max_size=19)


@given(_digits, st.sampled_from(sorted(_WORDS)), st.sampled_from([" ", ", ", " - ", ". "]), st.booleans())
def test_spoken_digits_are_masked(digits: str, language: str, between: str, doubled: bool) -> None:
    """Nine and more in a row, whatever number they are of, with double and oh."""
    words = [_WORDS[language].split()[int(digit)] for digit in digits]
    said = between.join(words)
    if doubled and language == "english":
        said = said.replace(f"nine{between}nine", "double nine").replace("zero", "oh")
    assert mask_text(f"haan ji {said} theek hai") == f"haan ji [spoken …{digits[-4:]}] theek hai"


def test_spoken_and_written_digits_may_mix() -> None:
    """As recognisers do when they are not sure."""
    assert mask_text("it is nine 8 four 0 one 1 seven 3 six 2") == "it is [spoken …7362]"


TALK = (
    "one two three four five six seven eight", "ek do teen, chalo shuru karte hain", "I have two sons and one daughter, four of us",
    "do baar call kiya, ek baar bhi nahi uthaya, teen din ho gaye", "six or seven lakh, maybe eight, over five years",
    "एक मिनट, दो बात करनी है", "the one thing I need to do is wait two or three days for one more answer",
    "twenty five thousand a month, and ten percent of it for one loan", "meet me at the bank at ten, not at nine",
    "server listening at api.example.com", "error at core.calls line 3", "arrived at 10.30 in the morning",
)  # fmt: skip


@pytest.mark.parametrize("text", TALK)
def test_ordinary_talk_is_left(text: str) -> None:
    """Numbers of things, counting to eight, places."""
    assert mask_text(text) == text


MAILS = (
    "neha dot rao at the rate example dot com", "meera.s at gmail.com", "n e h a at gmail dot com", "neha(at)example.com",
    "neha underscore rao at yahoo dot co dot in", "meera dot s @ gmail dot com", "neha at the rate of outlook.com", "neha9 at example.in",
)  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        "rahul at okaxis",
        "9701155238 at ybl",
        "rahul.k at the rate okicici",
        "rahul_k at the rate of ok axis",
        "Rahul at YBL",
    ],
)
def test_a_spoken_upi_id_is_masked(said: str) -> None:
    """At a handle that is no other word."""
    assert mask_text(f"pay to {said}, please") == "pay to [upi], please"


@pytest.mark.parametrize(
    "text", ["payment failed at okaxis", "pay at sbi", "look at okaxis", "meet rahul at icici"]
)
def test_a_bank_that_somebody_is_at_stays(text: str) -> None:
    """And what happens there."""
    assert mask_text(text) == text


@pytest.mark.parametrize("address", MAILS)
def test_a_spoken_mail_address_is_masked(address: str) -> None:
    """In words, half in words, and spelt letter by letter."""
    masked = mask_text(f"write to: {address}, please")
    assert masked.endswith("[email], please"), masked
    assert "neha" not in masked
    assert "meera" not in masked


@pytest.mark.parametrize(
    "said",
    [
        "97011 ... 55238", "+91 97011 ... 55238", "0 97011, 55238", "097011, 55238", "0, 970, 115, 5238",
        "91 970, 115, 5238", "9197011, 55238", "| 97011, 55238 |",
    ],
)  # fmt: skip
def test_a_phone_dictated_with_its_prefix_or_long_pauses_is_masked(said: str) -> None:
    """Speech recognition writes a pause as a comma or as dots, whatever stands before the ten digits."""
    assert "[phone …5238]" in mask_text(f"call {said} now")


@pytest.mark.parametrize(
    "text",
    [
        "rss grew to 9258577255.557981", "start_ns=697582645108734", "bytes_in=8741608160 bytes_out=9424800155",
        "rss=8123456789", "Rs 8123456789", "Rs. 8123456789", "₹8123456789", "amount 8123456789", "count=8123456789",
        "pid 8123456789", "timestamp 8123456789", "checksum=8123456789", "took 8123456789", "waited 8123456789 ms",
        "waited 8123456789 us", "waited 8123456789 µs", "8123456789 B used", "8123456789 samples", "8123456789 Hz",
        "8123456789 tokens", "8123456789 packets", "8123456789 records", "8123456789 paise", "at 8123456789.5 of it",
        "heap_used=8123456789 disk_free: 8123456789", '{"free_memory": 8123456789, "cost_micros": 8123456789}',
        "processed 67036/68198 rows", "[67036/68198] 84.7it/s", "30182 | 62487 | 50448 | 75746 | 84326",
    ],
)  # fmt: skip
def test_measurements_with_as_many_digits_as_a_phone_stay(text: str) -> None:
    """Decimals, counters of bytes and nanoseconds, progress, rows of a table."""
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *("free_memory", "rss", "heap_used", "disk_free", "content_length", "packets_sent", "samples", "order_no"),
        *("nanoseconds", "elapsed", "uptime", "ticks", "created", "expires", "sequence", "serial", "checksum"),
        *("crc32", "seed", "records", "cost_micros", "bitrate", "jitter", "balance", "nonce", "ref_no"),
    ],
)  # fmt: skip
def test_a_measurement_stays_under_its_name(name: str) -> None:
    """As a number, and as text of one."""
    assert mask_value({name: 8123456789, "n": {name: "8123456789"}}) == {
        name: 8123456789,
        "n": {name: "8123456789"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "call 9840117362 us number pe", "ring 9840117362 ms neha", "records 9840117362", "sent=9840117362", "9840117362 B wing",
        "created 9840117362", "contact no=9840117362",
    ],
)  # fmt: skip
def test_a_phone_beside_a_word_that_only_looks_like_a_unit_is_masked(text: str) -> None:
    """In Hinglish, before a name, in a list of records."""
    assert "[phone" in mask_text(text)
    assert mask_value({"records": ["9840117362"]}) == {"records": ["[phone …7362]"]}


def test_a_phone_written_as_a_whole_float_or_with_a_slash_is_masked() -> None:
    """As pandas and people write it."""
    assert mask_text("lead 9840117362.0 or 98401/17362") == "lead [phone …7362].0 or [phone …7362]"


@pytest.mark.parametrize("name", ["recipient_id", "recipientId", "Remote-Party-ID"])
def test_an_id_that_is_the_number_called_is_a_phone(name: str) -> None:
    """WhatsApp and SIP name the other party so."""
    assert mask_value({name: "919840117362"}) == {name: "[phone …7362]"}
    assert "7362]" in mask_text(f"{name}: 919840117362")


@pytest.mark.parametrize(
    "said",
    [
        "atthanve chalis gyarah tihattar basath", "Athanve, chaalis, gyaarah, tihattar, basath", "अट्ठानवे चालीस ग्यारह तिहत्तर बासठ",
        "अट्ठानवे, चालीस, ग्यारह, तिहत्तर, बासठ",
    ],
)  # fmt: skip
def test_a_phone_said_in_pairs_of_digits_is_masked(said: str) -> None:
    """As people say it in Hindi; a few such numbers in a sentence are amounts."""
    assert mask_text(f"mera number {said} hai") == "mera number [spoken …7362] hai"


@pytest.mark.parametrize(
    "said",
    [
        "das bees tees chalis baar",
        "saath baje do teen baar",
        "अड़तीस लाख पचास हज़ार सात सौ",
        "पच्चीस तारीख को दस बजे",
    ],
)
def test_spoken_amounts_and_times_stay(said: str) -> None:
    """Fewer than nine digits in a row are none of a phone."""
    assert mask_text(f"haan ji {said} bola") == f"haan ji {said} bola"
