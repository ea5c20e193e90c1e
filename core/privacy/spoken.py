"""Spoken data as speech recognition writes it: digits as words, and mail addresses in words."""

import re
from collections import defaultdict
from collections.abc import Iterable

from core.privacy.numbers import mask_of

_ENGLISH = "zero one two three four five six seven eight nine"
_HINDI = "shunya ek do teen char paanch chhe saat aath nau"
_DEVANAGARI = "शून्य एक दो तीन चार पाँच छह सात आठ नौ"
_TRANSLITERATED = "जीरो वन टू थ्री फोर फाइव सिक्स सेवन एट नाइन"
_OTHER_SPELLINGS = {
    **dict.fromkeys(("oh", "o", "sunya", "shoonya", "jeero", "शुन्य", "ज़ीरो", "ओ"), "0"),
    **dict.fromkeys(("dui", "दोन"), "2"),
    **dict.fromkeys(("tin",), "3"),
    **dict.fromkeys(("chaar", "chār", "फ़ोर"), "4"),
    **dict.fromkeys(("panch", "paach", "पांच", "पाच", "फ़ाइव"), "5"),
    **dict.fromkeys(("che", "chhah", "chah", "chhai", "cheh", "छः", "छे", "छै", "छ", "सहा"), "6"),
    **dict.fromkeys(("sat",), "7"),
    **dict.fromkeys(("ath",), "8"),
    **dict.fromkeys(("niner", "nao", "naw", "nav", "नऊ"), "9"),
}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_PAIRS = """
das gyarah/gyaarah barah/baarah terah chaudah pandrah solah satrah atharah/athaarah unnis/unnees
bees/bis ikkis/ikkees bais/baees teis/teyis chaubis/chaubees
pachchis/pachis/pachees chhabbis/chabbis sattais atthais/athais untis
tees/tis ikattis/ikatis/iktis battis taintis/tentis chauntis/chautis
paintis chhattis/chattis saintis adtis/artis untalis
chalis/chaalis iktalis bayalis/byalis taintalis chauvalis/chavalis
paintalis chhiyalis/chiyalis saintalis adtalis/artalis unchas
pachas/pachaas ikyavan/ikyawan bavan/bawan tirpan chauvan/chauwan/chavvan
pachpan chhappan/chappan sattavan/sattawan atthavan/atthawan/athavan unsath
saath/sath iksath basath tirsath chaunsath/chausath painsath chhiyasath/chiyasath sadsath adsath unhattar
sattar ikhattar bahattar tihattar chauhattar
pachhattar/pachattar chhihattar/chihattar sathattar athhattar/athattar unasi/unyasi
assi ikyasi bayasi/byasi tirasi chaurasi pachasi chhiyasi/chiyasi sattasi atthasi/athasi navasi
nabbe ikyanve/ikyaanve banve/baanve tiranve/tiraanve chauranve
pachanve/panchanve/pachaanve chhiyanve/chiyanve sattanve/sattaanve atthanve/atthaanve/athanve
ninyanve/ninyaanve
"""
_PAIRS_IN_HINDI = """
दस ग्यारह बारह तेरह चौदह पंद्रह/पन्द्रह सोलह सत्रह अठारह/अट्ठारह उन्नीस
बीस इक्कीस बाईस/बाइस तेईस/तेइस चौबीस
पच्चीस छब्बीस सत्ताईस/सत्ताइस अट्ठाईस/अट्ठाइस/अठाईस उनतीस/उन्तीस
तीस इकतीस/इकत्तीस बत्तीस तैंतीस/तेंतीस चौंतीस/चौतीस
पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस/उन्तालीस
चालीस इकतालीस बयालीस/बयालिस तैंतालीस/तिरतालीस चौवालीस/चवालीस
पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास/उन्चास
पचास इक्यावन बावन तिरपन/तिरेपन चौवन/चव्वन पचपन छप्पन सत्तावन अट्ठावन/अठावन उनसठ
साठ इकसठ बासठ तिरसठ/तिरेसठ चौंसठ/चौसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर
सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी/उनासी
अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी/सतासी अट्ठासी/अठासी नवासी
नब्बे इक्यानवे/इक्यानबे बानवे/बानबे तिरानवे/तिरानबे चौरानवे/चौरानबे
पचानवे/पंचानवे/पचानबे छियानवे/छियानबे सत्तानवे/सत्तानबे अट्ठानवे/अट्ठानबे/अठानवे निन्यानवे/निन्यानबे
"""
_DIGITS = (
    {
        spelling: str(value)
        for words in (_PAIRS, _PAIRS_IN_HINDI)
        for value, spellings in enumerate(words.split(), 10)
        for spelt in spellings.split("/")
        for spelling in (spelt, spelt.replace("\u0921\u093c", "\u095c"))  # the dot below apart, and joined
    }
    | {
        word: str(value)
        for words, least in (
            *((_ENGLISH, 0), (_HINDI, 0), (_DEVANAGARI, 0), (_TRANSLITERATED, 0), (_TEENS, 10), (_TENS, 2)),
        )
        for value, word in enumerate(words.split(), least)
    }
    | _OTHER_SPELLINGS
)
"""What each word says."""
_TIMES = {"double": 2, "triple": 3, "डबल": 2, "ट्रिपल": 3}


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of the words that reads no character of a text twice."""
    ends: dict[str, list[str]] = defaultdict(list)
    whole = False
    for word in dict.fromkeys(words):
        if word:
            ends[word[0]].append(word[1:])
        else:
            whole = True
    if not ends:
        return ""
    pattern = "|".join(first + _any_of(rest) for first, rest in ends.items())
    return f"(?:{pattern})" + "?" * whole


_FEWEST_DIGITS, FEWEST_WORDS = 9, 5
_FEWEST_IN_CODE, _MOST_IN_CODE = 4, 8
_SHORTEST, _FEWEST_GAPS = 12, 3  # fewest characters and blanks of a text with that many words
_LETTER = r"[^\W_]|[\u0900-\u0963]"
_WORD = _any_of((*_DIGITS, *_TIMES))
_TOKEN = rf"(?:(?:{_WORD})(?!{_LETTER})|[0-9]{{1,6}}(?![0-9A-Za-z]))"
_GAP = r"[\s,.;:…/\-\u2010-\u2015]{1,5}+"
_BETWEEN = rf"{_GAP}(?:(?:and|aur|then|phir|uh+|u+m+|hmm|और|फिर){_GAP}){{0,2}}+"
_RUN = re.compile(
    rf"(?<![\w\u0900-\u0963]){_TOKEN}(?:{_BETWEEN}{_TOKEN}){{{_FEWEST_IN_CODE - 1},}}+", re.IGNORECASE
)
_NAME_OF_CODE = re.compile(
    r"(?<![^\W_])(?:otp|o t p|[mtu]?pin|cvv|passcode|password|ओटीपी|ओ टी पी|पिन)"
    r"(?:[\s:,'\"(=-]++[^\s:,'\"(=-]{1,14}+){0,6}+[\s:,'\"(=-]*+\Z",
    re.IGNORECASE,
)
ONE_WORD = re.compile(
    rf"(?<![\w\u0900-\u0963])(?:{_WORD}|and|aur|then|phir|uh+|u+m+|hmm|और|फिर)(?!{_LETTER})", re.IGNORECASE
)
"""A word that speaks a digit, or that stands between such."""
FILLERS = re.compile(rb"and|aur|then|phir|uh+|u+m+|hmm")
_PIECE = re.compile(r"[^\s,.;:…/\-\u2010-\u2015]+")
GAPS = bytes(byte if chr(byte).isalpha() else ord(" ") for byte in range(128)) + bytes(128)
ASCII_WORDS = frozenset(word.encode() for word in (*_DIGITS, *_TIMES) if word.isascii())

_DOT = r"(?:\s{1,3}(?:dot|डॉट|point)\s{1,3}|\s?[(\[]\s?dot\s?[)\]]\s?)"
_LABEL = r"(?:[a-z0-9\u0900-\u0963-]{2,40}|(?:[a-z0-9]\s){1,20}[a-z0-9])"
_TOP = r"(?:com|in|co|org|net|edu|gov|info|io|ai|biz|me|app|dev|uk|us|कॉम|इन)"
DOTTED = re.compile(rf"\.{_TOP}(?![\w\u0900-\u0963])", re.IGNORECASE)
"""The end of a domain whose dot is written."""
_AT = (
    r"(?:\s?[(\[{]\s?at\s?[)\]}]\s?|\s?@\s?"
    r"|\s{1,3}(?:at(?:\s{1,3}(?:the\s{1,3})?rate(?:\s{1,3}of)?)?|एट(?:\s{1,3}द)?(?:\s{1,3}रेट)?)\s{1,3})"
)
_BARE_PROVIDER = r"(?:g\s?mail|yahoo|hotmail|outlook|rediffmail|icloud)\s{1,3}(?:com|co\s{1,3}in)"
"""A provider whose dot was not heard."""
_AT_DOMAIN = re.compile(
    rf"(?P<at>{_AT})(?P<domain>{_BARE_PROVIDER}|{_LABEL}(?:(?:\.|{_DOT}){_LABEL}){{0,2}}?(?:\.|{_DOT}){_TOP}(?:(?:\.|{_DOT})in)?)"
    rf"(?![\w\u0900-\u0963])",
    re.IGNORECASE,
)
_LOCAL = re.compile(
    r"(?:(?<![\w.+%-])(?:[a-z0-9]\s){2,30}[a-z0-9]"
    r"|[\w.+%\u0900-\u0963-]{1,40}(?:\s+(?:dot|underscore|dash|hyphen|plus|डॉट)\s+[\w.+%\u0900-\u0963-]{1,40}){0,4})\Z",
    re.IGNORECASE,
)
_LONGEST_LOCAL, _LONGEST_BEFORE = 96, 160
_PROVIDER = re.compile(
    r"(?:g\s?mail|googlemail|yahoo|hotmail|outlook|live|rediff(?:mail)?|icloud|proton(?:mail)?|aol|zoho(?:mail)?)\b",
    re.IGNORECASE,
)
_MAIL_WORD = re.compile(r"(?:mail|\bid|ईमेल|मेल)\W{1,4}(?:\w{1,12}\W{1,3}){0,3}\Z", re.IGNORECASE)
_IN_A_NAME = re.compile(r"[._+\d]")


SPOKEN_HANDLES = (
    *(
        "okaxis",
        "okicici",
        "oksbi",
        "okhdfcbank",
        "ybl",
        "ibl",
        "axl",
        "apl",
        "yapl",
        "rapl",
        "ptyes",
        "ptaxis",
    ),
    *(
        "ptsbi",
        "pthdfc",
        "waaxis",
        "waicici",
        "wahdfcbank",
        "wasbi",
        "ikwik",
        "jupiteraxis",
        "naviaxis",
        "kmbl",
    ),
    *("superyes", "sliceaxis", "yescred", "fifederal", "kphdfc", "tapicici", "barodampay", "freecharge"),
)
"""Handles of UPI that are no other words: of banks, such as sbi, a text says "at sbi" for other reasons."""
_NO_PAYEE = (
    r"(?:fail(?:ed|s|ure|ures|ing)?|errors?|timeouts?|down|declined|rejected|payments?|collects?|look(?:ed)?|stuck"
    r"|pending|handles?|upi|vpa|id|users?|accounts?|outage|issues?|bank|ended|ends?|is|was|are|it|and|or|but|not"
    r"|requests?|retry|retries|success(?:ful)?|processed|stopped|resolved|registered|txns?|transactions?|calls?)"
)
_SPOKEN_UPI = re.compile(
    rf"(?<![\w.@-])(?!{_NO_PAYEE} )[\w.-]{{2,64}} at (?:the rate (?:of )?)?"
    rf"(?:{'|'.join(SPOKEN_HANDLES)}|ok (?:axis|sbi|icici|hdfc ?bank))(?![\w@.-]*\w)",
    re.IGNORECASE,
)


def mask_spoken_digits(text: str, off: frozenset[str]) -> str:
    """Return the text with long runs of spoken digits, and codes said digit by digit, masked."""
    return _RUN.sub(_masked_digits, text) if "spoken" not in off and _may_hold_digits(text) else text


def mask_spoken_mail(text: str, off: frozenset[str]) -> str:
    """Return the text with mail addresses and UPI ids in words masked."""
    if "upi" not in off and " at " in text:
        text = _SPOKEN_UPI.sub("[upi]", text)
    if "email" not in off and (
        " at " in text or "at)" in text or "at]" in text or " dot " in text or "एट" in text
    ):
        text = _mask_mail(text)
    return text


def _may_hold_digits(text: str) -> bool:
    """Return whether a text has words for digits; most have not and need no closer look."""
    if len(text) < _SHORTEST or (text.count(" ") < _FEWEST_GAPS and "," not in text and "-" not in text):
        return False
    if not text.isascii():
        return True
    return not ASCII_WORDS.isdisjoint(text.lower().encode().translate(GAPS).split())


def _masked_digits(match: re.Match[str]) -> str:
    digits, times, words = "", 1, 0
    for piece in _PIECE.findall(match.group()):
        word = piece.lower()
        words += not word.isdecimal()
        if word in _TIMES:
            times = _TIMES[word]
            continue
        said = word if word.isdecimal() else _DIGITS.get(word, "")
        digits += said * times
        times = 1 if said else times  # double, um, eight
    if len(digits) < _FEWEST_DIGITS or words < FEWEST_WORDS:
        before = match.string[max(match.start() - _LONGEST_BEFORE, 0) : match.start()]
        is_code = _FEWEST_IN_CODE <= len(digits) <= _MOST_IN_CODE and _NAME_OF_CODE.search(before)
        return "[masked]" if is_code else match.group()
    return f"[spoken …{digits[-4:]}]" if len(digits) > _FEWEST_DIGITS else mask_of("spoken", "")


def _mask_mail(text: str) -> str:
    parts: list[str] = []
    done = 0
    for found in _AT_DOMAIN.finditer(text):
        local = _LOCAL.search(text[max(found.start() - _LONGEST_LOCAL, done) : found.start()])
        if local is None or not _is_address(text, local, found):
            continue
        begin = found.start() - len(local.group())
        parts += [text[done:begin], "[email]"]
        done = found.end()
    return "".join([*parts, text[done:]]) if parts else text


def _is_address(text: str, local: re.Match[str], found: re.Match[str]) -> bool:
    """Return whether "… at …" is a mail address and not a place, as in "listening at api.example.com"."""
    at, domain = found["at"].strip().lower(), found["domain"]
    if at != "at" or re.search(_DOT, domain) or _PROVIDER.match(domain) or _IN_A_NAME.search(local.group()):
        return True
    begin = found.start() - len(local.group())
    return _MAIL_WORD.search(text[max(begin - _LONGEST_BEFORE, 0) : begin]) is not None
