# ruff: noqa: E501 (texts as they come)
"""A second corpus, made otherwise than the first: whole utterances as speech recognition writes them.

No punctuation, Hindi and English in one sentence, numbers in words, letters spelled one by one; each text is a
sentence of its own. The clean ones speak of amounts, times and references in the same words.
"""

from tests.privacy.corpus import Labelled
from tests.privacy.introduced import NOBODY, SAID

SPOKEN = """
nine eight seven six five four three two one zero|haan ji mera number hai {} aap isi pe call karna
nine eight double seven six five triple four one|my number is {} please note it down
double nine double eight seven six five four three two|its {} okay
nau aath saat chhe paanch chaar teen do ek shunya|likhiye {} theek hai
nau aath saat chhe paanch char tin do ek zero|number hai {} bas
नौ आठ सात छह पांच चार तीन दो एक शून्य|मेरा नंबर {} है
नौ आठ डबल सात छः पाँच चार तीन दो एक|लिखिए {} यही है
नाइन एट सेवन सिक्स फाइव फोर थ्री टू वन जीरो|हां जी {} पर कॉल कीजिए
nine aath seven chhe five char three do one zero|mera doosra number {} hai
nine eight seven uh six five four three two one zero|umm it is {} i think
nine eight seven, six five four, three two one zero|callback pe {} bol rahe the
nine one nine eight seven six five four three two one zero|plus {} from dubai also works
sixty three zero one two three four five six seven eight|you can reach me at {} evening
ninety eight seventy six fifty four thirty two ten|{} is what i gave them
seven zero one two three four five six seven eight|whatsapp pe {} pe bhej do
eight oh nine five five one two three four six|uh {} yeah thats the one
sat zero ek do teen char panch chhe sat aath|apna number batata hoon {} ok
nine eight seven six five and then four three two one zero|take {} and call after six
ek do teen char paanch chhe saat aath nau zero ek do|aadhaar hai {} verify karo
two three four one two three four one two three four six|my aadhaar is {} can you see it
do teen char ek do teen char ek do teen char chhe|aadhar number {} hai sir
दो तीन चार एक दो तीन चार एक दो तीन चार छह|आधार {} है
five zero one zero zero one two three four five six seven eight nine|account number is {} hdfc mein
panch zero ek zero zero ek do teen char panch chhe sat aath nau|mera khata {} hai
nine nine nine eight eight eight seven seven seven six|sir {} last mein six
triple nine triple eight triple seven six|{} lucky number liya tha
नाइन डबल एट ट्रिपल सेवन सिक्स फाइव फोर थ्री|नंबर है {} ठीक है
nine point eight seven six five four three two one oh|no idea why but {} was heard
eight seven six zero zero zero one two three four|wife ka number {} note karo
six two zero three four five six seven eight nine|alternate {} bhi hai
"""

CODES = """
four eight two nine one three|otp aaya hai {}
char aath do nau ek teen|otp {} hai
double four five six double one|the otp i got is {}
चार आठ दो नौ|ओटीपी {} है
4 8 2 9 1 3|otp hai {}
seven seven eight one|pin is {} for the card
"""

MAILS = """
ravi dot kumar at gmail dot com|my email is {} small letters
ravi dot kumar at the rate gmail dot com|email id hai {} sab small mein
ravi underscore k at the rate of yahoo dot co dot in|note kijiye {} theek hai
priya ninety at the rate rediffmail dot com|likho {} bas
r a v i at the rate gmail dot com|spelling hai {} ok
रवि डॉट कुमार एट द रेट जीमेल डॉट कॉम|मेरा ईमेल {} है
ravi123 at hotmail dot com|send the documents to {} today
suresh dot p at infosys dot com|office wala {} hai
contact at mybank dot in|you can write to {} also
anita plus loan at outlook dot com|its {} thank you
kumar dash family at icloud dot com|use {} for statements
ravi [at] example [dot] com|crm has {} on file
ravi(at)example(dot)com|crm note {} end
ravi.k at gmail.com|mail to {} please
meena at the rate gmail com|email {} hai
sunil at rate gmail dot com|likhiye {} sahi hai
"""

WRITTEN = {
    "phone": """
9812345670|lead ne 9812345670 diya aur bola sham ko call karo
98123 45671|dialed 98123 45671 no answer try again tomorrow
+91 9812345672|transfer to +91 9812345672 failed
981-234-5673|alt no 981-234-5673 busy
9 8 1 2 3 4 5 6 7 4|stt final: mera number 9 8 1 2 3 4 5 6 7 4 hai
98 12 34 56 75|number bataya 98 12 34 56 75 confirm karo
9812 345 676|unka phone 9812 345 676 band hai
91-9812345677|crm phone 91-9812345677 mismatch
०९८१२३४५६७८|ग्राहक का फोन ०९८१२३४५६७८ है
9812345679|{"event":"dial","dest":"9812345679","try":2}
9812345680|sip uri 9812345680@10.0.0.1 rejected
9812345681|wa.me/919812345681 bheja gaya
9812345682|phone:9812345682;ext=0
""",
    "aadhaar": """
2341 2341 2346|customer bola aadhaar 2341 2341 2346 hai
234123412346|uid 234123412346 matched with bureau
2341-2341-2346|aadhar card ka number 2341-2341-2346 note kiya
2341 2341 2345|aadhaar number 2341 2341 2345 was misheard
२३४१ २३४१ २३४६|आधार नंबर २३४१ २३४१ २३४६ सही है
""",
    "pan": """
BQRPS1234K|pan BQRPS1234K verified with nsdl
bqrps1234k|customer ka pan bqrps1234k hai
BQRPS 1234 K|pan card number is BQRPS 1234 K
BQRPS-1234-K|stored pan BQRPS-1234-K
b q r p s 1 2 3 4 k|spelling suniye pan number hai b q r p s 1 2 3 4 k
""",
    "card": """
4111 1111 1111 1111|he read out 4111 1111 1111 1111 on the call
5500000000000004|payment card 5500000000000004 tokenised
3782 822463 10005|amex 3782 822463 10005 declined
""",
    "account": """
50100123456789|refund to a/c 50100123456789 on monday
001122334455|saving account no 001122334455 sbi
12345678901234|khata number 12345678901234 hai mera
50100987654|account ending wrong, full acct no: 50100987654
""",
    "upi": """
ravi.k@okicici|upi pe bhej do ravi.k@okicici
9812345670@ybl|vpa 9812345670@ybl verified
suresh@paytm|collect request to suresh@paytm expired
meena-s@axl|meena-s@axl is her id
""",
    "email": """
r.kumar@gmail.com|docs sent to r.kumar@gmail.com at 5
priya_90@rediffmail.com|lead email priya_90@rediffmail.com bounced
a.b-c+loan@mail.example.co.in|from a.b-c+loan@mail.example.co.in
""",
    "gstin": """
27AAPFU0939F1ZV|firm gst 27AAPFU0939F1ZV active
29AAACR5055K1Z3|gstin is 29AAACR5055K1Z3 as per portal
""",
    "voter": """
XKY1234567|voter id XKY1234567 uploaded
xky1234567|voter card number xky1234567 hai
XKY/1234567|epic no XKY/1234567
WBD 7654321|customer gave WBD 7654321 as id proof
XKY1234568|मतदाता पहचान XKY1234568 है
x k y 1 2 3 4 5 6 7|voter id hai x k y 1 2 3 4 5 6 7
ZQT7654321|election card ZQT7654321 expired
MFB0123456|doc=MFB0123456 type=id
SGK 1122334|वोटर आईडी SGK 1122334
NVP9988776|voter id number is NVP9988776 ok
""",
    "passport": """
K1234567|passport number K1234567 valid till 2031
k1234567|passport hai k1234567
K 1234567|passport no. K 1234567
M7654321|पासपोर्ट नंबर M7654321
k 1 2 3 4 5 6 7|passport number is k 1 2 3 4 5 6 7
Z2345671|passport: Z2345671
N1122334|id proof passport (N1122334) received
P9876543|passport ka number P9876543 bataya
J8765432|his passport is J8765432 sir
T1029384|passport_no=T1029384
""",
    "licence": """
MH12 20110012345|driving licence MH12 20110012345 checked
MH1220110012345|dl number MH1220110012345
KA-05-2015-0098765|license KA-05-2015-0098765 expired
dl0420110149646|licence no dl0420110149646
TN09 20190001234|customer ka licence TN09 20190001234
UP32 20100045678|driving license number is UP32 20100045678
RJ14 20180076543|ड्राइविंग लाइसेंस RJ14 20180076543
GJ01 20130005566|gave GJ01 20130005566 as proof
m h 1 2 2 0 1 1 0 0 1 2 3 4 5|licence number m h 1 2 2 0 1 1 0 0 1 2 3 4 5
WB-0120100034567|dl no WB-0120100034567
""",
    "vehicle": """
MH12AB1234|car number MH12AB1234 ka loan
MH 12 AB 1234|gaadi number MH 12 AB 1234
mh12ab1234|vehicle mh12ab1234 hypothecated
KA-01-MX-4321|KA-01-MX-4321 two wheeler loan closed
DL 3C AB 1234|vehicle no DL 3C AB 1234
22 BH 1234 AA|registration 22 BH 1234 AA
UP16 Z 0007|gaadi UP16 Z 0007 hai
m h 1 2 a b 1 2 3 4|vehicle number m h 1 2 a b 1 2 3 4
TS09EK1111|गाड़ी का नंबर TS09EK1111
HR 26 DK 8337|insured HR 26 DK 8337 renewal
""",
    "ifsc": """
HDFC0001234|ifsc code HDFC0001234
SBIN0004567|branch SBIN0004567 sbi main
icic0000123|ifsc icic0000123 hai
UTIB0000248|axis ka ifsc UTIB0000248
h d f c 0 0 0 1 2 3 4|ifsc hai h d f c 0 0 0 1 2 3 4
KKBK0000958|neft via KKBK0000958
PUNB0123400|आईएफएससी PUNB0123400
YESB0000001|ifsc=YESB0000001
BARB0123456|bank of baroda BARB0123456
CNRB0001234|ifsc: CNRB0001234
""",
    "name": """
Ravi Kumar|customer_name=Ravi Kumar status=new
Ravi|{"customerName": "Ravi", "n": 1}
Priya Sharma|lead name: Priya Sharma
सुनीता देवी|customer name: सुनीता देवी
Suresh Babu|father's record father_name='Suresh Babu'
Anita|first_name=Anita last_name=Rao
Meena Kumari Devi|nominee name = Meena Kumari Devi
O'Brien|borrower_name=O'Brien
Md. Irfan|co-applicant name: Md. Irfan
Lakshmi N. Iyer|full_name: Lakshmi N. Iyer, city Pune
""",
    "address": """
MG Road|address: 12, MG Road, Pune 411001
Sector 14|customer_address="H No 5, Sector 14, Gurugram"
Gandhi Nagar|current address: Flat 3 Gandhi Nagar Jaipur 302015
Station Road|residential_address=22 Station Road, Patna
पुणे|address: 4, शनिवार पेठ, पुणे ४११०३०
Anna Salai|permanent address = 45 Anna Salai Chennai 600 002
Civil Lines|{"address": "7 Civil Lines, Kanpur"}
Banjara Hills|office_address: Plot 9, Banjara Hills, Hyderabad
Lake Town|billingAddress='12B Lake Town Kolkata'
Whitefield|communication address: 3rd floor, Whitefield, Bengaluru 560066
""",
}

CLEAN_HEARD = """
haan ji main do baje free hoon aap tab call karna
ek do din mein documents bhej dunga
paanch lakh ka loan chahiye teen saal ke liye
salary pachas hazaar hai aur do emi chal rahi hain
one two three testing audio
teen char baar call kiya kisi ne uthaya nahi
nine to five ki job hai
seven eight months pehle apply kiya tha
interest rate ten point five percent bataya
twenty four months ka tenure theek hai
two bhk flat hai sector ke paas
one lakh twenty thousand processing ke saath
five star rating dena please
six o clock ke baad call karna
do teen bank se offer aaya hai
mujhe ek do teen minute do
char paanch log hain ghar mein
call back at six thirty tomorrow
lead asked for a callback at five
customer is at the office right now
meet me at the branch dot
look at the rate of interest
what is the rate dot dot dot
agent is at home today
he works at google dot he said
please wait on line one
the total is one two zero zero rupees
emi one five five zero zero hai
loan amount two five zero zero zero zero
आठ दस दिन में बता दूंगा
दो तीन बार फोन किया
पांच लाख का लोन चाहिए
मैं छह बजे के बाद घर आता हूं
एक दो साल की बात है
ब्याज दस प्रतिशत है
voter id upload failed
voter id is required for kyc
voter card chalega kya
passport not available
passport expired in 2019
passport size photo bhejo
driving licence nahi hai
licence key missing
license valid till 2030
vehicle loan ke liye call kiya
vehicle age 12 years
gaadi 2019 model hai
car loan 450000 at 9 percent
bike ka emi 3450 hai
registration completed in 1200 ms
registration number pending
ifsc code bhejo
ifsc missing for 3 leads
IFSC lookup took 120 ms
branch code 0123 found
election commission holiday on 20 nov
epic 4521 closed in sprint 12
address not found
address family not supported
address already in use: 127.0.0.1:8000
listening address: 0.0.0.0
ip_address=10.0.0.12
mac address 00:1b:44:11:3a:b7
bind address=localhost:8080
remote_addr=10.1.2.3 port=443
address: 0x7ffd1234
name=diwali-2026
campaign_name=Diwali Loans
agent_name=priya-v2
file name: calls.csv
hostname: web-01
service_name=deepgram
model name: gpt-4o
voice_name=Ananya
bank name: HDFC
queue name=outbound
user name required
ORD1234567 shipped
TXN1234567 failed
INV1234567 paid
job JOB1234567 done
ticket TKT7654321 reopened
req REQ0000042
SKU1234567
UTR1234567
err ERR0000503 retried
build A1234567
batch B7654321 imported
run K1234567 took 3 s
sha a1b2c3d4e5f6
commit mh12ab12
pod ka-01-web-4321
region ap-south-1a
zone us-east-1b 2024
UP 10 of 12 checks
as 10 at 2024
OR 12 AND 1234
DL 120 MB in 3 s
TS 20241024
TN 5 rows
MP3 file 1234 bytes
MP 4 codec 1080
HP 15 laptop 2048
GA 4 release 2026
LA 9 am 1200
PB 2 GB 4096
call CALL0001234 ended
lead LEAD0000012 assigned
test TEST0123456 ok
data0abcdef0
page0000001
E-101 and W0612
ISO8601 and UTF8
H264 1920x1080
RTP0001234567
MP2T 188 bytes
sip 486 busy here
q850 cause 17
17 calls in 5 min
98 of 120 answered
score 7 8 9 of 10
steps 1 2 3 4 done
retry 1 2 3
levels 10 20 30 40 50
turns 3 4 5 4 3
room 4 5 6
top 5 campaigns 1200 900 800 700 600
p50 1200 p95 3400
zero calls in the queue
one agent two calls
double check the number
triple the volume
point of contact changed
at the rate of nine percent
dot product of two vectors
one of nine calls failed
ten to twelve percent
seven days a week
two factor login on
all five stages ok
oh no one answered
"""


def _lines(text: str, kind: str) -> list[Labelled]:
    """``secret|sentence`` a line; the sentence holds the secret, or a place for it."""
    pairs = (line.split("|", 1) for line in text.strip().splitlines())
    return [Labelled(said if secret in said else said.format(secret), kind, secret) for secret, said in pairs]


def heard() -> list[Labelled]:
    """Texts with one personal value each."""
    return [
        *_lines(SPOKEN, "spoken"),
        *_lines(CODES, "otp"),
        *_lines(MAILS, "email in words"),
        *_lines(SAID, "name in speech"),
        *(one for kind, text in WRITTEN.items() for one in _lines(text, kind)),
    ]


def heard_clean() -> list[Labelled]:
    """Texts that tell nothing about anybody."""
    return [Labelled(line) for text in (CLEAN_HEARD, NOBODY) for line in text.strip().splitlines()]
