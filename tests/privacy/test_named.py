# ruff: noqa: E501 (texts as they come)
"""Secrets that a text names, in whatever notation: nothing of their values may be left."""

import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.privacy.credentials import _CLOUD_KEY, CLOUD_KEY_MARK
from core.privacy.masking import mask_text, mask_value

NAMES = (
    "password",
    "API Key",
    "secret key",
    "access_key",
    "db-password",
    "clientSecret",
    "X-Auth-Token",
    "api key",
)
NOTATIONS = (
    "{0} <- '{1}'", "{0} = $'{1}'", "{0}: !!str {1}", "{0}: |\n  {1}", '{0} = "Mango" + "{1}"', "{0} = ('{1}')",
    "{0} == '{1}'", '{0} === "{1}"', "{0} != {1}", "{0} := '{1}'", "{0} -> {1}", "{0} => '{1}'", "{0}: {1}", "{0} = {1}",
    '{0}: str = "{1}"', "{0}=b'{1}'", "{0} = SecretStr('{1}')", 'd["{0}"] = "{1}"', "[{0}] => {1}", "`{0}` = `{1}`",
    '{{"{0}":"{1}","ok":true}}', "{{'{0}': '{1}'}}", '{{\\"{0}\\": \\"{1}\\"}}', '{{""{0}"":""{1}""}}',
    '{0}: ["{1}", "{1}"]', "({0}={1})", "{0}='{1}", "{0}=&quot;{1}&quot;", "({0}: {1}), next", "{0}\t=\t{1}",
    '("{0}", "{1}")', "[(b'{0}', b'{1}')]", '{{"name": "{0}", "value": "{1}"}}', "<add key=\"{0}\" value='{1}'/>",
)  # fmt: skip


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_named_secret_is_masked_in_every_notation(notation: str, name: str) -> None:
    """As source code, configuration and dumps write a name and its value; what stands behind stays."""
    if " " in name and '"name"' not in notation and notation.startswith(('("', "[(b", "<add")):
        name = name.replace(" ", "_")
    text = notation.format(name.replace(" ", "_") if '"name"' in notation else name, "Mango-4471")
    masked = mask_text(f"settings {text}\nlead waits")
    assert "Mango" not in masked, masked
    assert "4471" not in masked, masked
    assert masked.endswith("\nlead waits")
    assert mask_text(masked) == masked


def test_json_stays_json_when_its_secrets_are_masked() -> None:
    """Also where a secret stands in a text of it."""
    document = {
        "url": "/x?token=abcMango1",
        "password": "a\"b'c",
        "status": 200,
        "sub": json.dumps({"api_key": "k 1"}),
    }
    masked = json.loads(mask_text(json.dumps(document)))
    assert (masked["status"], masked["password"], masked["url"]) == (200, "[masked]", "/x?token=[masked]")
    assert "k 1" not in masked["sub"]


_inner = st.text(
    st.sampled_from(string.ascii_letters + string.digits + ")]},;&.!?#$%^*(+=|~/<>{["),
    min_size=1,
    max_size=12,
)


@given(_inner.map(lambda inner: f"m{inner}go71"))
@example("man)go71")
@example("man]go71")
@example("man},;&go71")
def test_no_tail_of_an_unquoted_password_is_left(password: str) -> None:
    """Up to the next blank, whatever signs are in it; only a further field of a query ends it sooner."""
    if "&" in password and "=" in password.partition("&")[2]:
        return
    assert mask_text(f"password={password} next") == "password=[masked] next"


HEADERS = ("Cookie", "Set-Cookie", "authorization", "Proxy-Authorization")


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    "value", ["lang=hi; sid=q8w7e6r5", 'Digest username="neha", response="q8w7e6r5"', "a,b c; q8w7e6r5"]
)
def test_a_header_that_lets_somebody_in_is_masked_to_the_end_of_its_line(name: str, value: str) -> None:
    """And no further: the other headers stay."""
    assert (
        mask_text(f"Host: shop\r\n{name}: {value}\r\nAccept: */*")
        == f"Host: shop\r\n{name}: [masked]\r\nAccept: */*"
    )
    assert mask_text(f"curl -H '{name}: {value}' http://x/y") == f"curl -H '{name}: [masked]' http://x/y"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<password>Mango-4471</password>", "<password>[masked]</password>"),
        ("<ns:ApiKey a='1'>Mango 4471</ns:ApiKey><n>3</n>", "<ns:ApiKey a='1'>[masked]</ns:ApiKey><n>3</n>"),
        ("<secret><![CDATA[Ma]]></secret>", "<secret>[masked]</secret>"),
        ("&lt;otp&gt;730164&lt;/otp&gt;", "&lt;otp&gt;[masked]&lt;/otp&gt;"),
        ("<credentials><password>Mango</password></credentials>", "<credentials><password>[masked]</password></credentials>"),
        ("sync --password Mango-4471 --dry-run", "sync --password [masked] --dry-run"),
        ("['sync', '--api-key', 'Mango-4471']", "['sync', '--api-key', '[masked]']"),
        ("run -password Mango-4471", "run -password [masked]"),
        ("CREATE USER a IDENTIFIED BY 'Mango 4471';", "CREATE USER a IDENTIFIED BY [masked];"),
        ('my password is "Mango 4471" ok', "my password is [masked] ok"),
        ("otp seven three zero one six four", "otp [masked]"),
        ("--password --dry-run", "--password --dry-run"),
        ("curl -u neha:Mango-4471 x", "curl -u [masked] x"),
        ("AccountName=x;AccountKey=abcM+/==;EndpointSuffix=core", "AccountName=x;AccountKey=[masked]"),
        ("time_to_first_token=0.31 s, otp_length: 6", "time_to_first_token=0.31 s, otp_length: 6"),
        ("password\uff1aMango-4471 ok", "password\uff1a[masked] ok"),
        ("password \uff1d Mango-4471 ok", "password \uff1d [masked] ok"),
        ("password — Mango-4471 ok", "password — [masked] ok"),
        ("token ← Mango-4471", "token ← [masked]"),
        ("password\\u003dMango-4471", "password\\u003d[masked]"),
        ("पासवर्ड=Mango", "पासवर्ड=[masked]"),
        ("<item key='password'>Mango</item><item key='n'>3</item>", "<item key='password'>[masked]</item><item key='n'>3</item>"),
        ('<param a=1 name="pin">4471</param>', '<param a=1 name="pin">[masked]</param>'),
        ('form-data; name="password"\r\n\r\nMango 4471\r\n--b', 'form-data; name="password"\r\n\r\n[masked]\r\n--b'),
        ("Mango USER neha\r\n331 ok\r\nPASS Mango", "Mango USER neha\r\n331 ok\r\nPASS [masked]"),
        ("sent USER neha PASS Mango", "sent USER neha PASS [masked]"),
        ("AUTH Mango4471", "AUTH [masked]"),
        ('[0 10.0.0.1:6] "AUTH" "neha" "Mango"', '[0 10.0.0.1:6] "AUTH" "[masked]"'),
        ("AUTH default Mango", "AUTH [masked]"),
        ('6] "auth" "Mango"', '6] "auth" "[masked]"'),
        ("requirepass Mango", "requirepass [masked]"),
        ("machine x.in login neha password Mango", "machine x.in login neha password [masked]"),
        ("mysql -u root -pMango db", "mysql -u root -p[masked] db"),
        ("['mysql', '-u', 'root', '-pMango', 'db']", "['mysql', '-u', 'root', '-p[masked]', 'db']"),
        ("sshpass -p Mango ssh x", "sshpass -p [masked] ssh x"),
        ("mongosh -u neha -p Mango --host x", "mongosh -u neha -p [masked] --host x"),
        ("docker login -u neha -p Mango reg.in", "docker login -u neha -p [masked] reg.in"),
        ("redis-cli -a Mango ping", "redis-cli -a [masked] ping"),
        ("curl -uneha:Mango x", "curl -u[masked] x"),
        ("<Cookie sessionid=Mango for x.in/>", "<Cookie [masked] for x.in/>"),
        ("azure key " + "0a1b" * 8, "azure key [masked]"),
        ("azure key: " + "0a1b" * 8, "azure key: [masked]"),
        ("security_code=730164 Digits=730164 dtmf: 730164", "security_code=[masked] Digits=[masked] dtmf: [masked]"),
    ],
)  # fmt: skip
def test_a_value_that_no_sign_joins_to_its_name_is_masked(text: str, expected: str) -> None:
    """In markup and on a command line."""
    assert mask_text(text) == expected


CODES = (
    "OTP for login is {}", "otp batata hoon {}", "otp aaya hai {}", "otp ({})", "your verification code, ma'am, is {}",
    "o t p hai mera {}", "aapka jo otp abhi phone pe aaya {}", "{} aapke login ke liye otp hai", "ओटीपी जो आया है वह {}",
    "otp kya hai? {}", "use {} for your account login otp", "cvv jo likha hai {}", "the otp I got just now: {}",
)  # fmt: skip


@pytest.mark.parametrize("sentence", CODES)
@pytest.mark.parametrize("code", ["7301", "730164", "73 01 64"])
def test_a_code_within_some_words_of_its_name_is_masked(sentence: str, code: str) -> None:
    """In English, Hinglish and Hindi."""
    assert code not in mask_text(sentence.format(code))


SPARED = (
    "otp verification took 2345 ms", "OTP expired after 1200 seconds", "otp sent on 2026-11-20 10:30", "pinned to version 3000",
    "otp for call 48213 was wrong", "password changed at 1030", "otp timeout 30000", "पिन कोड 560001", "otp attempts 1200",
    "monkey == 'x'", "the key 'language' is missing", "turkey: [1, 2]", "<keys><n>3</n></keys>", "primary key: a1b2c3",
    "tokens=1,234", "max_tokens=4,096 of 1,28,000", "first token: 350ms", "auth: 12ms", "token - expired after 30s", "Digits=1",
    "token is expired", "secret is required by v2", "the key is missing", "status code: 200", "error_code=1006",
    "invalid token at position 12", "token type is bearer", "country code=91 language=hi", "auth code expired after 1200 s",
    "tests PASS all 3", "AUTH failed", "AUTH ok", "login form password field", "user neha password reset sent",
    "the password for neha is required", "password for the vault is stored encrypted", "mongo -port 27017", "ls -a -p -u x:",
    "mysql -P 3306 -u root db", "credentials: missing, retry 3", "cache key 0a1b0a1b0a1b0a1b0a1b0a1b", "upward=3 powered: 4",
    "ssrc 9840117362", "took 9840117362.0 ns", "price 9840117362.50 INR", "dtmf: 2 pressed",
)  # fmt: skip


@pytest.mark.parametrize("text", SPARED)
def test_what_only_stands_near_the_name_of_a_secret_is_left(text: str) -> None:
    """Times, counts, versions, words that begin or end like one."""
    assert mask_text(text) == text


KEYS = (
    "gsk_" + "aB3" * 17 + "d", "sk_" + "0a1b" * 12, "hf_" + "aBcDe" * 7, "sk-ant-api03-" + "aB3-" * 8, "pplx-" + "0a" * 24,
    "xai-" + "aB3d" * 20, "r8_" + "aB3d" * 9, "csk-" + "a1b2" * 12, "nvapi-" + "aB3_" * 16, "tgp_v1_" + "aB3-" * 10,
    "SK" + "0a" * 16, "key_" + "0a1b" * 7, "key-" + "0a" * 16, "712345678:AA" + "aB3-" * 8 + "x", "xkeysib-" + "0a" * 32 + "-aB3daB3daB3daB3d",
    "dop_v1_" + "0a" * 32, "dapi" + "0a" * 16, "pcsk_" + "aB3d" * 10, "re_aB3dE6gH_" + "aB3d" * 6, "EAA" + "aB3d" * 20,
    "pat-na1-01234567-89ab-cdef-0123-456789abcdef", "whsec_" + "aB3d" * 8, "lin_api_" + "aB3d" * 10, "glsa_" + "aB3d" * 9,
    "github_pat_" + "aB3_" * 10, "ya29." + "aB3-" * 8, "AIza" + "aB3-x" * 7, "GOCSPX-" + "aB3-" * 7, "xapp-1-" + "A1-" * 9, "pypi-" + "aB3d" * 12,
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_of_the_services_an_agent_uses_are_known_by_their_shape(key: str) -> None:
    """Alone in a text, and the mark that is looked for first is in each."""
    assert mask_text(f"refused {key}, again") == "refused [key], again"
    assert _CLOUD_KEY.fullmatch(key)
    assert CLOUD_KEY_MARK.search(key)


HARMLESS_NAMES = (
    "key={{{}}}", '"keys": {{{}}}', "token_info: [{}]", "keyword: {}", "passed={}", "auth_header={{'x': 1, {}}}",
    "otp_status: {}", "first_token_ms={{{}}}", "code: {}", "pinned='{}'", "monkey=(1, {})", "key=key=key={}",
)  # fmt: skip


@pytest.mark.parametrize("around", HARMLESS_NAMES)
@pytest.mark.parametrize(
    "secret", ["'password': 'Mango-4471'", "password=Mango-4471", '"api_key": "Mango-4471"']
)
def test_a_secret_within_the_value_of_a_harmless_name_is_masked(around: str, secret: str) -> None:
    """A name that only sounds like a secret's, such as ``keyword``, hides nothing that comes behind it."""
    assert "Mango" not in mask_text(f"settings {around.format(secret)} end")


NESTED = (
    '{"secrets": {"a": {"x": "1"}, "b": "Mango4471"}, "n": 3}',
    'passwords: [["a", "b"], ["Mango4471", "x"]], "n": 3',
    'api_keys=["ab}c", "Mango4471"], "n": 3',
    "tokens=['a)b', 'a>b', 'Mango4471'], \"n\": 3",
    "credentials=Credentials(user='a', x=('b', 'c'), login='Mango4471'), \"n\": 3",
    '{\n  "secrets": {\n    "db": "Mango4471"\n  }, "n": 3\n}',
    'password=\u201cMango 4471\u201d, "n": 3',
    '\u201cpassword\u201d: \u201cMango 4471\u201d, "n": 3',
    "password='\u2018Mango 4471\u2019', \"n\": 3",
    '%22token%22%3A%22Mango4471%22 "n": 3',
)


@pytest.mark.parametrize("text", NESTED)
def test_a_secret_of_several_parts_is_masked_to_its_end(text: str) -> None:
    """Brackets within brackets or within quotes, on several lines, in the quotes of a word processor."""
    masked = mask_text(text)
    assert "Mango" not in masked, masked
    assert "4471" not in masked, masked
    assert '"n": 3' in masked, masked


def test_json_keeps_its_brackets_around_a_masked_object() -> None:
    """What stands behind it can still be read."""
    text = json.dumps({"a": {"credentials": {"user": "neha", "login": "Mango4471"}}, "n": 3})
    assert mask_text(text) == '{"a": {"credentials": [masked]}, "n": 3}'


@pytest.mark.parametrize(
    "text",
    [
        "tokens={'input': 10, 'output': 20.5}",
        '{"llm_tokens": {"in": 10, "details": {"cached": 0}}}',
        "tokens: [10, 20, 30]",
        "tokens=Usage(input=10, output=20)",
        "cost_per_token=2.5e-06",
        '{"cost_per_token": 2e-06}',
    ],
)
def test_counts_of_tokens_stay_in_lists_and_objects(text: str) -> None:
    """Also costs of a token, which Python writes with an exponent."""
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password Mango4471 x", "password [masked] x"),
        ("otp is Mango4471b now", "otp is [masked] now"),
        ("mfa code: 730164", "mfa code: [masked]"),
        ("two-factor code 730164", "two-factor code [masked]"),
        ("securityCode=Mango", "securityCode=[masked]"),
        ("webhook_url=https://x.in/hooks/Mango", "webhook_url=[masked]"),
        ("run --webhook-url https://x.in/Mango --n 3", "run --webhook-url [masked] --n 3"),
        ("db_password\tMango4471\tn", "db_password\t[masked]\tn"),
        ("| password | Mango4471 | 3 |", "| password | [masked] | 3 |"),
        ("/x;jsessionid=Mango4471", "/x;jsessionid=[masked]"),
        ("creds=('neha', 'Mango')", "creds=[masked]"),
        ("HTTPBasicAuth('neha', 'Mango-4471')", "HTTPBasicAuth('[masked]')"),
        ("set_password('neha', 'Mango', n=3)", "set_password('[masked]', n=3)"),
        ("credentials: neha / Mango-4471, n=3", "credentials: [masked] n=3"),
        ("credentials = neha, Mango-4471", "credentials = [masked]"),
        ("user/pass: neha / Mango-4471 n=3", "user/pass: [masked] n=3"),
        ("pw=Mango n=3", "pw=[masked] n=3"),
        ("the password for neha is Mango4", "the password for neha is [masked]"),
        ("password for neha rao: Mango4 n=3", "password for neha rao: [masked] n=3"),
        (f"AC{'0a' * 16}:{'1b' * 16}@x", "[key]@x"),
        (f"Client('AC{'0a' * 16}', '{'1b' * 16}')", "Client('[key]')"),
        ("G-730164 is your Google verification code", "[masked] is your Google verification code"),
        ("the access token is Mango4471.", "the access token is [masked]"),
        ("Token 0123456789abcdef0123456789abcdef", "Token [masked]"),
    ],
)
def test_no_part_of_a_named_secret_is_left(text: str, expected: str) -> None:
    """Half a password is as bad as all of it, and looks as if it were masked."""
    assert mask_text(text) == expected


@pytest.mark.parametrize("naming", ["name", "key", "field", "header", "type", "slot"])
@pytest.mark.parametrize(("name", "value"), [("otp", "730164"), ("otp", 730164), ("X-API-Key", "Mango4471")])
def test_a_value_is_judged_by_the_name_beside_it(naming: str, name: str, value: object) -> None:
    """As environments, headers, forms and the slots of a conversation have it, as data and as text."""
    pair = {naming: name, "value": value, "n": 3}
    assert mask_value({"items": [pair]}) == {"items": [{naming: name, "value": "[masked]", "n": 3}]}
    assert str(value) not in mask_text(json.dumps(pair))


def test_a_value_beside_a_harmless_name_stays() -> None:
    """A figure, and what is not named at all."""
    rows = [{"name": "tokens", "value": 1234}, {"type": "text", "value": "haan"}, {"value": 5}]
    assert mask_value(rows) == rows


AFTER_A_NEW_LINE = (
    ("otp: 730164", "730164"), ("password is Mango4471", "Mango"), ("token: Mango4471", "Mango"), ("pan ABCUE1234F", "1234"),
    ("customer_name: Neha Sharma", "Neha"), ("my name is Neha", "Neha"), ("address: 12, MG Road, Pune 411001", "MG Road"),
    ("account no 618290447315", "618290447315"), ("aadhaar no 367598346012", "367598346012"), ("ABCPE1234F", "1234F"),
    ("MH12AB1234", "1234"), ("HDFC0001234", "0001234"), ("upi neha@newbank", "neha"), ("dob: 15/11/1991", "1991"),
    ("gsk_" + "a1" * 26, "a1a1"), ("AKIAIOSFODNN7EXAMPLE", "AKIA"), ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJ"),
    ("nine eight four zero one one seven three six two", "nine"), ("Cookie: sid=Mango4471; a=b", "Mango"),
)  # fmt: skip


@pytest.mark.parametrize("escape", ["\\n", "\\r\\n", "\\t", "\\\\n"])
@pytest.mark.parametrize(("value", "secret"), AFTER_A_NEW_LINE)
def test_what_begins_a_line_of_a_text_within_json_is_masked(value: str, secret: str, escape: str) -> None:
    """The letter of the escape is no part of the word behind it; what is not personal stays."""
    masked = mask_text(f'{{"prompt": "hello{escape}{value}{escape}end of it", "n": 3}}')
    assert secret not in masked
    assert masked.startswith(f'{{"prompt": "hello{escape}')
    assert masked.endswith('", "n": 3}') or "[address]" in masked


@pytest.mark.parametrize("text", ["C:\\new\\token_dir\\table", r"pattern \d+\n\t\r", "a\\nb", "price 5\\t6"])
def test_a_backslash_alone_changes_nothing(text: str) -> None:
    """In paths and patterns."""
    assert mask_text(text) == text


def test_each_line_of_a_dumped_request_keeps_its_name() -> None:
    """As http.client prints what it sends."""
    sent = repr(
        b"GET / HTTP/1.1\r\nAuthorization: Basic bmVoYTptYW5nbw==\r\nxi-api-key: Mango4471\r\nx-n: 3\r\n"
    )
    assert mask_text(sent) == (
        r"b'GET / HTTP/1.1\r\nAuthorization: [masked]\r\nxi-api-key: [masked]\r\nx-n: 3\r\n'"
    )


@pytest.mark.parametrize("blank", ["%20", "+"])
@pytest.mark.parametrize("said", ["Your OTP is 730164", "730164 is your OTP", "Dear customer, OTP 7301"])
def test_a_code_in_the_address_of_a_gateway_is_masked(said: str, blank: str) -> None:
    """A library that logs what it requests shows the message there."""
    text = f"GET https://sms.example/send?message={said.replace(' ', blank)}&sender=LOANCO 200"
    masked = mask_text(text)
    assert "7301" not in masked
    assert masked.endswith("&sender=LOANCO 200")
