# ruff: noqa: E501, RUF001 (texts as they come)
"""A labelled corpus of log texts: what must not survive masking, and what must not be touched.

Personal values are written in many forms and put into sentences in English, Hinglish and Hindi as agents
log them. The clean texts are written for the traps: identifiers, times, amounts and names that look personal.
"""

from itertools import cycle, product
from typing import NamedTuple


class Labelled(NamedTuple):
    """A text, the kind of what it tells, and the part that must not survive; a clean text has neither."""

    text: str
    kind: str = "clean"
    secret: str = ""


SENTENCES = {
    "english": (
        "Customer gave {} for the callback",
        "verification failed for {}, retry 2 of 3",
        "lead update: {}",
        "Got ({}) from the CRM at 10:45",
        "value={} source=web",
        "{}",
    ),
    "hinglish": (
        "customer ne bola {} pe contact karo",
        "unka {} hai, save kar lo",
        "galat likha tha, sahi wala {} hai ji",
        "haan ji,{},theek hai",
    ),
    "hindi": (
        "ग्राहक ने {} बताया",
        "उनका {} है, कृपया लिख लें",
        "सही जानकारी:{}।",
    ),
}

FORMS: dict[str, tuple[str, ...]] = {
    "phone": (
        "9876543210", "+919876543211", "+91 98765 43212", "+91-98765-43213", "09876543214", "0 98765 43215",
        "98765-43216", "98765 43217", "987 654 3218", "987-654-3219", "987.654.3220", "98765.43221",
        "(987) 654-3222", "98765/43223", "0091 9876543224", "91 9876543225", "919876543226", "+91(98765)43227",
        "sip:+919876543228@host", "tel:+91-98765-43229", "12 9876543230", "[98765][43231]", "९८७६५४३२३२",
        "९८७६५ ४३२३३", "+९१ ९८७६५४३२३४", "9 8 7 6 5 4 3 2 3 5", "6301234567", "7-0-1-2-3-4-5-6-7-8",
        "8123456789@ybl", "022-24567890", "(080) 4123 4567", "+1 415 555 2671", "98765\u00a043240", "98765–43241",
        "9876543242,9876543243", "mob9876543244", "phone_9876543245", "98765\u00ad43246",
    ),
    "aadhaar": (
        "234123412346", "2341 2341 2346", "2341-2341-2346", "२३४१ २३४१ २३४६", "2341.2341.2346", "2341  2341  2346",
    ),
    "pan": ("ABCPE1234F", "abcpe1234f", "AAACR5055K", "ABCPE 1234 F", "BNZPM2501F", "pan:AFZPK7190K", "abcpe 1234 f"),
    "gstin": ("27AAPFU0939F1ZV", "29AAACR5055K1Z3", "27aapfu0939f1zv", "GSTIN 07AAACR5055K1Z9"),
    "card": (
        "4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "3782 822463 10005",
        "6011111111111117", "6521 5299 9999 9993",
    ),
    "account": (
        "a/c no. 50100123456789", "account number 123456789012", "acct: 00112233445566", "A/C 1234 5678 9012 34",
        "IFSC HDFC0001234 a/c 50100987654321", "SBIN0001234 12345678901", "खाता नंबर 50100123456780",
    ),
    "upi": (
        "ravi@jio", "ravi.kumar@okaxis", "9876543210@paytm", "ravi-k@ybl", "RAVI@OKHDFCBANK", "upi id ravi@newbank",
        "pay to shop.12@somepsp", "priya_s@axl", "ravi123@ibl",
    ),
    "ifsc": ("HDFC0001234", "SBIN0004321", "icic0000123", "IFSC UTIB0000248"),
    "vehicle": ("MH12AB1234", "KA 05 MX 4321", "DL 3C AB 1234", "22 BH 1234 AA", "mh12ab1234"),
    "voter": ("XKY1234567", "WBD 7654321", "voter id xky1234567"),
    "licence": ("MH12 20110012345", "KA-05-2015-0098765", "dl0420110149646"),
    "passport": ("passport no K1234567", "passport m7654321", "पासपोर्ट K1234568"),
    "name": ("customer_name=Ravi Kumar", "father name: Suresh Babu"),
    "address": ('"address": "12, MG Road, Pune 411001"', "home_address=Flat 3, Gandhi Nagar, Jaipur"),
    "email": (
        "ravi@example.com", "ravi.kumar+loan@example.co.in", "RAVI_K@EXAMPLE.ORG", "ravi%40example.com",
        "<priya@mail.example.in>", "mailto:a.b@example.com", "रवि@example.com",
    ),
}  # fmt: skip

_PREFIXES = (
    "tel:",
    "sip:",
    "pan:",
    "mailto:",
    "GSTIN ",
    "a/c no. ",
    "account number ",
    "acct: ",
    "A/C ",
    "खाता नंबर ",
)
_CORES = {
    "IFSC UTIB0000248": "UTIB0000248",
    "voter id xky1234567": "xky1234567",
    "passport no K1234567": "K1234567",
    "passport m7654321": "m7654321",
    "पासपोर्ट K1234568": "K1234568",
    "customer_name=Ravi Kumar": "Ravi",
    "father name: Suresh Babu": "Suresh",
    '"address": "12, MG Road, Pune 411001"': "MG Road",
    "home_address=Flat 3, Gandhi Nagar, Jaipur": "Gandhi Nagar",
    "IFSC HDFC0001234 a/c 50100987654321": "50100987654321",
    "SBIN0001234 12345678901": "12345678901",
    "12 9876543230": "9876543230",
    "sip:+919876543228@host": "9876543228",
    "8123456789@ybl": "8123456789",
    "upi id ravi@newbank": "ravi@newbank",
    "pay to shop.12@somepsp": "shop.12@somepsp",
    "<priya@mail.example.in>": "priya@mail.example.in",
    "9876543242,9876543243": "9876543242",
}

SECRETS = (
    ("otp", "482913", "your OTP is 482913."),
    ("otp", "482914", "OTP: 482914 valid for 10 minutes"),
    ("otp", "123456", "123456 is your OTP"),
    ("otp", "654321", "654321 is the OTP for your loan application"),
    ("otp", "7781", "7781 is your login OTP, do not share"),
    ("otp", "482915", "Your O.T.P. is 482915"),
    ("otp", "990812", "aapka OTP 990812 hai"),
    ("otp", "990813", "990813 aapka OTP hai"),
    ("otp", "445566", "otp bata diya 445566 otp"),
    ("otp", "112233", "आपका ओटीपी 112233 है"),
    ("otp", "112244", "112244 आपका ओटीपी है"),
    ("otp", "5512", "ATM PIN 5512 was read out"),
    ("otp", "905", "cvv 905 diya"),
    ("otp", "906", "CVV: 906"),
    ("otp", "48 29 17", "OTP is 48 29 17"),
    ("otp", "482-918", "one time password 482-918"),
    ("otp", "331122", "mpin=331122"),
    ("otp", "331123", '{"otp": 331123, "ok": true}'),
    ("otp", "331124", "{'otp': '331124'}"),
    ("otp", "8844", "UPI PIN is 8844"),
    ("otp", "774411", "Use 774411 as your OTP to log in"),
    ("secret", "hunter2", "password=hunter2&next=/"),
    ("secret", "hunter3", "Password: hunter3"),
    ("secret", "hunter4", "{'password': 'hunter4'}"),
    ("secret", "hun\\\\ter5", 'config {"db_password":"hun\\\\ter5"}'),
    ("secret", "hunter6", '{\\"password\\":\\"hunter6\\"}'),
    ("secret", "k-123 45", "{'api_key': 'k-123 45', 'n': 1}"),
    ("secret", "abcDEF123", "GET /x?access_token=abcDEF123&page=2"),
    ("secret", "wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG"),
    ("secret", "deadbeefcafe", "Cookie: sessionid=deadbeefcafe"),
    ("secret", "dXNlcjpwYXNz", "Authorization: Basic dXNlcjpwYXNz"),
    ("secret", "s3cr3t", "client_secret -> s3cr3t, client_secret=s3cr3t".replace("-> s3cr3t, ", "")),
    ("secret", "tok_999", "refreshToken=tok_999"),
    ("secret", "sig123abc", "callback?signature=sig123abc"),
    ("secret", "b-rest", '{"password": "a\\"b-rest"}'),
    ("secret", "1 2 3 4", "otp:1 2 3 4"),
    ("secret", "abc-def9", "authorization: Splunk abc-def9"),
    ("secret", "dXNlcjpwYXNx", "authorization Basic dXNlcjpwYXNx"),
    ("secret", "hunter7", "customer said password is hunter7"),
    ("secret", "c2lnbmVk", "https://store/x?sig=c2lnbmVk&page=2"),
    ("token", "0123456789abcdef", "sent bearer 0123456789abcdef"),
    ("token", "abc.def.ghi", "Authorization: Bearer abc.def.ghi"),
    ("token", "zyxwvut_98", "header bearer zyxwvut_98 rejected"),
    (
        "jwt",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1",
    ),
    ("key", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("key", "AIzaSyA1234567890abcdefghijklmnopqrstuv", "maps AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    ("key", "sk-abcdefghijklmnopqrstuvwx", "openai sk-abcdefghijklmnopqrstuvwx used"),
    ("key", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("key", "xoxb-123456789012-abcdef", "xoxb-123456789012-abcdef"),
    ("key", "rzp_live_abcdefgh1234", "razorpay rzp_live_abcdefgh1234"),
    ("key", "SG.abcdefghijklmnop.qrstuvwxyz012345", "SG.abcdefghijklmnop.qrstuvwxyz012345"),
    ("private_key", "MIIEow", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"),
    ("private_key", "MIIEoz", "-----BEGIN PRIVATE KEY-----\nMIIEoz cut off"),
    ("url", "p@ss", "mongodb://agent:p@ss@db.example.com/x"),
    ("url", "pw123", "redis://:pw123@cache:6379/0"),
    ("url", "T0/B0/abc", "https://hooks.slack.com/services/T0/B0/abc"),
)

CLEAN = """
Call completed in 180 seconds
Call call_123 answered after 4.2 s
agent started, pid 48213, listening on 127.0.0.1:8000
at 1729765845123 ms
at 1729765845123456789 ns
epoch 1729765845 and 1729765846
started_at=1729765845123 ended_at=1729765900456
monotonic 6543.123456
order_id=9876543210
order 9876543210 shipped
ticket no 9812345678
ref 7012345678 received
transaction id 8123456780
invoice 9012345678
UTR 412345678901
UTR SBIN524123456789
RRN 429812345678 settled
NEFT ref N123456789012345
IMPS txn 429812345679
id 550e8400-e29b-41d4-a716-446655440000
98765432-9876-4876-9876-987654321098
pod voice-agent-7d9f8c6b5d-x2k9p
pod voice-agent-6998765432-bcd2f
container 9f86d081884c
trace 4bf92f3577b34da6a3ce929d0e0e4736
span 00f067aa0ba902b7
commit 9126cdaf3a1b2c4d5e6f
sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
from 98.76.154.210 and 192.168.100.254
from 2001:db8::8a2e:370:7334
2024-10-24 10:30:45.123 to 24-10-2024 18:00
2024-10-24T10:30:45.123+05:30
window 20241024103045 to 20241024110000
20241024-103045.wav saved
98765432101234567890123
call_9876543210 ended
lead_9876543210 assigned
session-9876543210-a1 closed
max_tokens=512 mapping=1 spin: 3
prompt_tokens=1024 completion_tokens=256
amount 9876543.21
amount Rs 12,34,567.89
loan of ₹25,00,000 for 240 months
EMI 21,450 at 8.75 % p.a.
EMI is 21450.75 rupees
salary 75000, obligations 12500, eligible 1840000
CIBIL 782, band A
pincode 560001
pin code 400 076 is serviceable
PIN code: 110001
1234 5678 9012
4111 1111 1111 1112
user@localhost
root@server1 logged in
ssh deploy@web01
sip:agent@pbx.local registered
qualification: public_secured
ABCDE1234F
GST 18 % included
ratio 0.9876543210, 12.7654321098
lat 12.971598, lon 77.594566
0.8765432109876543
latency p50=234.5 p95=1200.25 p99=2345.678
asr_latency_ms=234.5 tts_latency_ms=156.2
took 9876543 us
read 9876543210 bytes
size=9876543210
duration_ns=9876543210
offset 9812345678 of 9912345678 bytes
uptime 812345 s
retry after 300 seconds
retry 3/5 in 2000 ms
HTTP 503 after 30000 ms
status 200 in 145.3 ms
GET /api/v1/calls?page=2&size=100 200
POST /api/v1/calls 201
GET /calls/2024-10-24..2024-10-31
error 11000 duplicate key
key error: 'language'
KeyError: 'call_id'
primary key missing
token expired
token limit reached: 4096 of 4096 tokens
invalid token
password required
password is required
password was changed
password reset requested
otp sent
otp sent 3 times
OTP expired after 120 seconds
otp_sent=true token=null
auth=none
secret missing
pinned to version 3
spinning up 12 workers
passed 1200 of 1200 checks
compass heading 275
author: unknown
monkey=5
keyboard interrupt
turkey: 3 units
secretary: absent
basic plan, 30 days
bearer of news
version 3.11.7 (build 20241024)
python 3.13.0, numpy 2.1.2, pandas 3.1.0
Chrome/130.0.6723.58
mongod 6.0.5 on socket /tmp/x.sock
port 27017 refused
queue 18000/20000
worker 7 of 12: 98765 jobs, 43210 done
98765 calls, 43210 answered
98765 leads and 43210 calls
pages 98765 to 43210
1234567 rows
1,234,567,890 rows
batch 00012345678
line 145 in core/calls.py
File "/app/core/calls.py", line 145, in complete_call
ValueError: invalid literal for int() with base 10: 'x'
call transferred to extension 4521
ext 1234
agent 0042 joined queue 7
room 1204, floor 12
model gpt-4o-2024-08-06
voice hi-IN-SwaraNeural at 24000 Hz
codec PCMU/8000/1
rtp 10000-20000
mos 4.12 jitter 12.3 loss 0.4
sentiment 0.75 confidence 0.9876
intent=loan_enquiry score=0.8123456789
language=hinglish turns=12
handoff to human after 182 s
calling hours 09:00-21:00
campaign diwali-2024-10
campaign_id=7712345678
customer_id=9876543210
batch_id: 8812345678
"lead_ref": "8812345679"
toll free 1800 266 1234
toll free 1800-11-4000
call 1800 103 1234 for help
helpline 1930
dial 112
account opened
account closed after 12 months
acc 97.5 %
accuracy: 0.9812345678
ac off
card declined
card type: visa
pan-india campaign
pan left 45 degrees
japan 2024
company 1234
email sent
email bounced: mailbox full
mail queue 12
upi collect failed
upi timeout 30000 ms
paid at 10:30
mentions @team and @oncall
decorator @lru_cache(maxsize=4096)
git@host
cron */5 * * * *
x-request-id: 7f3c2a9e-1b2d
etag "5d8c72a5edda8"
range bytes=0-1048575
content-length: 9876543210
retry-after: 120
memory 812345678 of 16777216000
disk 98.7 % used
cpu 0.93 load 12.45
gc took 12.345678 ms
sleep 0.000123
exp 1729769445 iat 1729765845
ts=1729765845.123456
t=1729765845123456
seq 6012345678
cursor 7f9876543210
0x7f9876543210
object at 0x7fd876543210
1e10 and 9.87e-05
matrix 3x4, 12x9
ratio 16:9
90 deg
9876-5432
98-76-54
2024/10/24 10:30
24/10/2024 to 31/10/2024
31.10.2024 12.30
10:30:45.123456
180 seconds ke baad call complete hua
customer ne 3 baar call cut kiya
call 12 minute chali
EMI 15,500 batai
loan amount 25 lakh bola
salary 75 hazaar hai
interest 8.75 percent bataya
kal 10 baje callback karna hai
pichle 24 ghante mein 1200 call
order number 9876543210 hai
ग्राहक ने 10 बजे फिर से बुलाया
कॉल १८० सेकंड में पूरी हुई
ब्याज दर ८.७५ प्रतिशत
राशि ₹25,00,000
कुल १२०० कॉल, ३२ विफल
दिनांक २४-१०-२०२४ समय १०:३०
भाषा hindi, 12 बारी
पिन कोड 560001
ओटीपी भेजा गया
खाता खोला गया
लीड lead_456 को एजेंट 12 मिला
"""


def personal() -> list[Labelled]:
    """Texts with one personal value or secret each."""
    found = []
    for kind, forms in FORMS.items():
        for form, (_, sentences) in product(forms, SENTENCES.items()):
            chosen = next(_turns[id(sentences)])
            found.append(Labelled(chosen.format(form), kind, core_of(form)))
    return found + [Labelled(text, kind, secret) for kind, secret, text in SECRETS]


def clean() -> list[Labelled]:
    """Texts that tell nothing about anybody."""
    return [Labelled(line) for line in CLEAN.strip().splitlines()]


def core_of(form: str) -> str:
    """The part of a written form that must not survive."""
    if form in _CORES:
        return _CORES[form]
    for prefix in _PREFIXES:
        form = form.removeprefix(prefix)
    return form


_turns = {id(sentences): cycle(sentences) for sentences in SENTENCES.values()}
