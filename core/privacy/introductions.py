# ruff: noqa: RUF001 (apostrophes and vowel signs as people type them)
"""Names in what people say: after the words that introduce them, in English, Hinglish and Hindi.

Speech recognition writes names in small letters, and Hindi has no others, so what follows an introduction is
a name unless one of its words never is. Where little but a capital tells a name, it has to have one.
"""

import re

_BEFORE, _AFTER = r"(?<![\w\u0900-\u0963])", r"(?![\w\u0900-\u0963])"
_LETTER = r"(?:[^\W\d_]|[\u0900-\u0963])"
_WORD = rf"(?:[A-Z]\.|{_LETTER}{{2,24}}+(?:['’-]{_LETTER}{{1,24}}+)?){_AFTER}"
_NAMES = rf"{_WORD}(?:[ \t]{{1,3}}{_WORD})"
_CAPITAL = r"(?=[A-Z][a-z])"
_S, _GAP = r"\s{1,3}", r"[ \t,:]{1,3}"
_TITLE = (
    rf"(?:(?i:mr|mrs|shri|sri|smt|shrimati)\.?{_GAP}|(?:Ms|Miss|Dr)\.?{_GAP}"
    rf"|(?:श्री|श्रीमती|सुश्री|श्रीमान){_GAP})"
)
_MINE = (
    r"(?:(?:my|his|her|their|customer|caller|lead|borrower|applicant|holder|husband|wife|father|mother|son|daughter"
    r"|brother|sister|nominee|guarantor)(?:['’]?s)?)"
)
_MERA = (
    r"(?:mer[aie]|unk[aie]|usk[aie]|aapk[aie]|apk[aie]|isk[aie]|ink[aie]|hamar[aie]"
    r"|(?:pati|patni|papa|pita|pitaji|mummy|bhai|bete|beti|customer|lead|grahak|wife|husband|father|mother|sir"
    rf"|madam){_S}(?:ji{_S})?k[aie])"
)
_MERA_IN_HINDI = (
    r"(?:मेर[ाीे]|उनक[ाीे]|उसक[ाीे]|आपक[ाीे]|इनक[ाीे]|इसक[ाीे]|हमार[ाीे]"
    rf"|(?:पति|पत्नी|पिता|पापा|मम्मी|भाई|बेटे|बेटी|ग्राहक|कस्टमर|सर|मैडम){_S}(?:जी{_S})?क[ाीे])"
)
_LED = re.compile(
    rf"{_BEFORE}(?:(?:(?i:"
    rf"{_MINE}{_S}(?:(?:full|good|first|last|real|complete|middle){_S})?(?:sur)?name(?:{_S}(?:is|was)|['’]s)"
    rf"|{_MERA}{_S}(?:(?:pura|poora|shubh|full|good|asli){_S})?(?:naam|nam|name)(?:{_S}(?:hai|to|toh|jo))?"
    rf"|(?:am|may|can|could){_S}i{_S}(?:be{_S})?(?:speak|talk)(?:ing)?{_S}(?:to|with))"
    rf"|{_MERA_IN_HINDI}{_S}(?:(?:पूरा|शुभ|असली){_S})?(?:नाम|नेम)(?:{_S}(?:है|तो|जो))?)"
    rf"{_GAP}(?:(?i:uh+|um+|hmm){_GAP})?{_TITLE}?"
    rf"|{_TITLE}"
    rf"|(?i:(?:speak|talk)(?:ing)?{_S}(?:to|with)){_GAP}{_CAPITAL}"
    rf")(?P<name>{_NAMES}{{0,3}})"
)
"""A name follows, and ends where another word begins."""
_HELD = re.compile(
    rf"{_BEFORE}(?:"
    rf"(?i:this{_S}is){_GAP}{_TITLE}?(?P<who>{_NAMES}{{0,2}}?){_S}"
    rf"(?i:speaking|calling|this{_S}side|on{_S}the{_S}(?:line|phone|call)){_AFTER}"
    rf"|(?i:this{_S}is){_GAP}{_CAPITAL}(?P<whence>{_NAMES}{{0,2}}?){_S}(?:from|here){_AFTER}"
    rf"|(?:[Ii]{_S}am|I['’]m|[Mm]yself){_GAP}{_CAPITAL}(?P<i>{_NAMES}{{0,2}}?)"
    rf"(?:{_S}(?:speaking|calling|from|of|here|this){_AFTER}|(?=\s{{0,3}}[,.?!।])|(?=\s{{0,3}}\Z))"
    rf"|(?:[Mm]ain|[Mm]ai){_GAP}{_CAPITAL}(?P<main>{_NAMES}{{0,2}}?){_S}(?:hoon|hun|hu){_AFTER}"
    rf"|(?i:main|mai|me|hum|aap){_GAP}(?P<says>{_NAMES}{{0,2}}?){_S}(?i:(?:ji{_S})?(?:hi{_S})?"
    rf"(?:bol{_S}(?:rah|rh)|se{_S}baat{_S}(?:kar|kr|ho)))"
    rf"|(?i:(?:mer|hamar)i{_S}baat){_GAP}(?P<baat>{_NAMES}{{0,2}}?){_S}(?i:(?:ji{_S})?se{_S}(?:ho|kar))"
    rf"|(?:मैं|मै|हम|आप){_GAP}{_TITLE}?(?P<hindi>{_NAMES}{{0,2}}?){_S}(?:जी{_S})?(?:ही{_S})?"
    rf"(?:बोल{_S}रह|से{_S}बात{_S}(?:कर|हो))"
    rf"|(?:मेरी|हमारी){_S}बात{_GAP}{_TITLE}?(?P<with>{_NAMES}{{0,2}}?){_S}(?:जी{_S})?से{_S}(?:हो|कर)"
    rf")"
)
"""What stands between these words is a name, or none."""
MARK = re.compile(
    r"name|naam|नाम|नेम|speak|talk|calling|myself|bol|बोल|baat|बात|श्री"
    r"|(?<!\w)(?:mrs?|shri|sri|smt|shrimati|nam|this|i['’]m|am|main?|mai)(?!\w)"
)
"""Part of a word, in small letters, of every introduction but those that begin with the next."""
TITLE_MARK = re.compile(r"(?<!\w)(?:Ms|Miss|Dr)(?!\w)")
_TITLES = re.compile(r"(?<!\w)(?:(?i:mrs?|shri|sri|smt|shrimati)|Ms|Miss|Dr)(?!\w)|श्री")
_LEADING = tuple(
    f"{words} "
    for words in (
        *("name is", "name was", "name's", "name\u2019s", "naam", "nam", "नाम", "नेम"),
        *("ra name", "ri name", "re name", "ka name", "ki name", "ke name"),
        *("good name", "full name", "asli name", "oora name", "ura name", "ubh name"),
        *("speak to", "speak with", "talk to", "talk with", "king to", "king with"),
    )
)
_AFTER_THIS = ("speaking", "calling", " this side", " on the ", " from", " here")
_HOLDING = (
    "i am ",
    "i'm ",
    "i\u2019m ",
    "myself ",
    " hoon",
    " hun",
    " hu",
    " bol ",
    " baat ",
    "बोल ",
    "बात ",
)
"""Parts of introductions, in small letters with single blanks; a text without any has no introduction."""
_ENGLISH = """
a an the this that it its is was not no yes and or but of on in at to for from with by as so if my
your our his her their i you he she we they who what why how when where which there here same
different similar wrong right correct incorrect misspelled misspelt spelled spelt missing important
already also still being been registered mentioned written listed given used changed updated removed
added included available visible showing shown known unknown never always only just very too really
quite now please calling speaking talking regarding about because somebody someone nobody anybody
everyone customer care support service agent bot bank loan finance company office branch manager
team department human person people representative executive officer caller lead user borrower
recording automated call phone number fine good great ok okay sure happy sorry busy interested ready
able going trying looking waiting sir madam maam ji english hindi hinglish tamil telugu marathi
bengali kannada urdu gujarati punjabi malayalam short long common enough blank empty required
optional null none unclear verified pending confirmed final all any some another lanka mr mrs ms
miss dr shri sri smt shrimati
"""
_HINGLISH = """
hai hain h ho hoon hun hu hi tha thi the thee to toh bhi aur ya par pe se mein me main mai ka ki ke
ko ne kya kyu kyun kaun kab kahan kaise koi kuch kisi sab sabhi nahi nahin na mat haan han ji sahi
galat theek thik alag wahi yahi vahi vohi abhi phir fir dobara pehle baad bas sirf bata batao
bataiye batayein batana bataya likho likha likhiye likhna list change update note check confirm
register save kar karo karna kiya kijiye daal dal dalo hata hatao nikal aaya aa aata gaya jaisa yaad
pata maloom poocha pucha spelling wala wali aap aapka aapke aapko aapse apna apne unse usse hum
humse tum khud insaan aadmi bank loan company office manager senior sach jhooth jhoot jaldi dheere
zor saaf baar log ye yeh wo woh jo matlab isliye kal aaj roz ghar family pati patni papa mummy bhai
beta beti wife husband father mother brother sister dost friend boss
"""
_HINDI = """
है हैं हूँ हूं हो था थी थे तो भी और या पर पे से में मैं मे का की के को ने क्या क्यों कौन कब कहाँ
कहां कैसे कोई कुछ किसी सब सभी नहीं न मत हाँ हां जी सही गलत ग़लत ठीक अलग वही यही अभी फिर दोबारा पहले
बाद बस सिर्फ बता बताओ बताइए बताइये बताएं बताया लिखो लिखा लिखिए लिखना लिस्ट सूची बदल बदलना अपडेट नोट
चेक दर्ज सेव कर करो करना किया कीजिए डाल हटा हटाओ निकल आया आ आता गया याद पता मालूम पूछा वाला वाली आप
आपका आपके आपको आपसे अपना अपने उनसे उससे हम तुम खुद इंसान आदमी बैंक लोन कंपनी ऑफिस मैनेजर एजेंट
कस्टमर ग्राहक सच झूठ जल्दी धीरे ज़ोर साफ बार श्री श्रीमती सुश्री श्रीमान लोग ये यह वो वह जो मतलब
इसलिए कल आज रोज घर परिवार पति पत्नी पापा मम्मी भाई बेटा बेटी दोस्त हिंदी हिन्दी अंग्रेज़ी अंग्रेजी
"""
NEVER = frozenset(f"{_ENGLISH}{_HINGLISH}{_HINDI}".split())
"""Words that are no part of a name."""
_ENDS = frozenset({"hai", "h", "hain", "है", "हैं", "tha", "था", "hoon", "hun", "हूँ", "हूं"})
_MOST, _MOST_IN_SMALL = 3, 2
_PIECE = re.compile(rf"[A-Z]\.|{_LETTER}+(?:['’-]{_LETTER}+)?")


def mask_introduced(text: str, off: frozenset[str]) -> str:
    """Return the text with names masked where somebody introduces or asks for a person."""
    if "name" in off:
        return text
    low = " ".join(text.casefold().split())
    if _TITLES.search(text) is not None or any(map(low.__contains__, _LEADING)):
        text = _masked(text, _LED)
    return _masked(text, _HELD) if _may_be_held(low) else text


def _may_be_held(low: str) -> bool:
    if "this is " in low and any(map(low.__contains__, _AFTER_THIS)):
        return True
    return any(map(low.__contains__, _HOLDING))


def _masked(text: str, pattern: re.Pattern[str]) -> str:
    parts: list[str] = []
    done = at = 0
    while found := pattern.search(text, at):
        begin = found.start(found.lastgroup or 0)
        end = _end_of_name(text, begin, found.end(found.lastgroup or 0), held=pattern is _HELD)
        at = max(end, begin)
        if end > begin:
            parts += [text[done:begin], "[name]"]
            done = end
    return "".join([*parts, text[done:]]) if parts else text


def _end_of_name(text: str, begin: int, end: int, *, held: bool) -> int:
    """Return where the name ends that begins there; its beginning if it is none.

    A name that is ``held`` between other words is all of what stands between them.
    """
    words = list(_PIECE.finditer(text, begin, end))
    never = next((n for n, word in enumerate(words) if word[0].casefold() in NEVER), len(words))
    if held or never == 0:
        return end if never == len(words) else begin
    most = _MOST_IN_SMALL
    if words[0][0][0].isupper():
        most = next((n for n, word in enumerate(words) if not word[0][0].isupper()), _MOST)
    elif never < len(words) and words[never][0].casefold() in _ENDS:
        most = _MOST
    return words[min(never, most, _MOST) - 1].end()
