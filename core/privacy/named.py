"""Find what a text names as a secret: by a sign, in markup, on a command line, in a header, in a sentence."""

import re
from typing import NamedTuple

from core.privacy.keys import Kind, is_code, is_measure, kind_of, looks_made_by_chance
from core.privacy.kinds import ESCAPED, behind

# By first letters: without regard to case, each alternative is tried at each place.
_NAME = (
    r"auth|bearer|c(?:ode|ookie|red(?:ential|s)|srf|v[vc])|d(?:igits|sn|tmf)|j(?:sessionid|wt)|key|otp"
    r"|p(?:ass|in|wd?)|s(?:ecret|id|ig)|token|webhook[_-]?url|पासवर्ड|ओटीपी"
)
NAME_MARK = re.compile(
    r"pass|pw|secret|token|key|auth|jwt|csrf|sig|dsn|otp|o\.t\.p|o t p|pin|cv[vc]|credential|cookie"
    r"|bearer|sid|jsession|webhook|creds|digits|dtmf|ओटीपी|ओ टी पी|पिन|पासवर्ड"
)
_FIRST_WORD = (
    r"(?:api|secret|access|private|auth|app|account|client|bot|session|security|encryption|signing|master|service"
    r"|license|subscription|refresh|user|admin|database|db) "
)
_SCHEME = r"(?:bearer|basic|digest|token|splunk|apikey|negotiate|aws4-hmac-sha256)"
_QUOTE = r"(?:\\{0,4}[\"'`]|[\u2018\u2019\u201c\u201d\u00ab\u00bb]|&(?:quot|apos|#0?3[49]);|%2[27])"
_TYPE = r"(?:(?:Optional\[)?(?:str|[Ss]tring|SecretStr|bytes|Any|Text)\]?(?: ?\| ?None)?\s*+=(?!=)\s*+)"
# An end that does not belong to the value: a quote that closes the text around it.
_ENCLOSING = r"\\{0,4}[\"'`](?=[\s,;:)\]}>&]|\Z)"
_TAIL = rf"(?:(?!{_ENCLOSING}|[{ESCAPED}]{{1,4}}[\w .-]{{1,40}}[:=])[^\s&]|&(?![\w.%\[\]-]{{1,40}}=))"
# Each notation of a value is matched to its very end: half a secret is as bad as all of it.
_VALUE = (
    r"(?:-?\d[\d.]*+(?:,\d{2,3}(?!\d))*+|true|false|null|none|nil)"  # a number, as in JSON
    rf"(?=[)\]}}]*+(?:,?(?:[\s\"'\\{ESCAPED}]|\Z)|,?\Z))"
    r"|[|>][+-]?[ \t]*+(?:\n[ \t]++[^\n]*+)++"  # a block of YAML
    r"|(?:!!?\w{1,20} )?(?:[A-Za-z_][\w.]{0,30}\(|[bBrRuUfF]{1,2}|\$)?(?:"  # SecretStr('…'), b'…'
    r"\"\"(?=[^\"\s,;:)\]}])[^\"\n]*+\"\""
    r"|(?:\"(?:[^\"\\]|\\.|\"\")*+\"|'(?:[^'\\]|\\.|'')*+')(?:\s*+\+\s*+(?:\"[^\"\n]*+\"|'[^'\n]*+'))*+|`[^`\n]*+`"
    r"|(?P<escaped>\\{1,4}[\"'])(?:(?!(?P=escaped)).)*+(?P=escaped)"
    r"|&(?:quot|apos|#0?3[49]);(?:(?!&(?:quot|apos|#0?3[49]);).)*+&(?:quot|apos|#0?3[49]);"
    r"|[\u201c\u201d][^\u201c\u201d\n]*+[\u201c\u201d]|\u2018[^\u2018\u2019\n]*+\u2019|\u00ab[^\u00bb\n]*+\u00bb"
    r"|%22(?:(?!%22)\S)*+%22"
    r"|[\"'](?=\S)[^\n]*+"  # never closed
    r")"
    r"|\[[a-z_]{2,14}(?: …\d{4})?\](?!\w)"  # masked already
    rf"|[\[({{<][^\])}}>\n]*+[\])}}>]*+(?:(?![,;])(?:{_TAIL}))*+"
    rf"|(?:!!?\w{{1,20}} |{_SCHEME}\s++)?+(?:{_TAIL})++"
)
# Also as full-width signs, in an address, in JSON within JSON.
_SIGN = r"[!<>~+?|.*^-]?[=:\uff1a\uff1d]{1,3}[>~]?|->|<-|\u2192|\u2190|%3[AaDd]|\\u003[AaDd]"
_SIGNED = re.compile(
    rf"(?<![\w-])(?P<key>(?:{_FIRST_WORD})?[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})"
    rf"(?P<is>(?:{_QUOTE}|[\]?])*+\s*+(?:{_SIGN})\s*+{_TYPE}?+"
    r"|\s*+\(\s*+(?=b?[\"'])|[ \t]++(?=[\"'`][^\s\"'`])"
    # After a dash or in a table only what looks like a password: six characters, with a digit and a letter.
    r"|(?:[ \t]++[-\u2013\u2014][ \t]++|(?: *+\| *+|\t++))(?=[^\s\d]*\d)(?=[^\sa-z]*[a-z])(?=\S{6}))",
    re.IGNORECASE,
)
_ITS_VALUE = re.compile(rf"(?P<value>{_VALUE})", re.IGNORECASE)
_OPENING = re.compile(r"(?:[A-Za-z_][\w.]{0,30}(?=\())?[\[({]")
_STEP = re.compile(
    r"[^\[\](){}\"'\\]++|\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|\\.|[\[\](){}\"'\\]", re.DOTALL
)
_AFTER_BRACKETS = re.compile(rf"(?:(?=[\])}}>\"'`\\]{{0,40}}+[^\s\])}}>\"'`\\,;&])(?:{_TAIL})++)?")
_COUNTS = re.compile(
    r"(?:[A-Za-z_][\w.]{0,30}(?=\())?+(?:[\s,:\[\](){}]|\"[\w.-]{1,40}\"(?=\s?:)|'[\w.-]{1,40}'(?=\s?:)|[A-Za-z_]\w{0,40}=|-?\d[\d.eE+-]*+"
    r"|None|null|[Tt]rue|[Ff]alse)++"
)
_IN_HEADER = re.compile(
    r"(?<![\w-])(?P<around>\\?[\"'])?(?P<key>(?:set-)?cookie2?|(?:proxy-)?authori[sz]ation)(?P<is>\s*+:\s*+)"
    rf"(?P<value>(?(around)(?:(?!(?P=around))[^\r\n{ESCAPED}])++|[^\r\n{ESCAPED}]++))",
    re.IGNORECASE,
)
_HEADER = re.compile(rf"\b(authori[sz]ation\s+{_SCHEME}\s+)(?!\[)[^\s\"',;]+", re.IGNORECASE)
_ELEMENT = re.compile(
    rf"(?P<is>(?:<|&lt;)(?:[\w.-]{{1,30}}:)?(?P<key>[\w.-]{{0,40}}?(?:{_NAME})[\w.-]{{0,20}})"
    r"(?:\s[^<>&]{0,200})?(?:>|&gt;))(?P<value>\s*+<!\[CDATA\[(?:(?!\]\]>).)*+\]\]>|(?:(?!&lt;)[^<])++)",
    re.IGNORECASE | re.DOTALL,
)
_KEYED_ELEMENT = re.compile(
    r"(?P<is><[\w.:-]{1,40}\s(?:[^<>]{0,100}?\s)?(?:name|key)\s?=\s?[\"']"
    rf"(?P<key>[\w.-]{{0,40}}?(?:{_NAME})[\w.-]{{0,20}})[\"'][^<>]{{0,100}}>)(?P<value>[^<]++)",
    re.IGNORECASE,
)
_FORM_PART = re.compile(
    rf"(?P<is>\bname=\"(?P<key>[\w.-]{{0,40}}?(?:{_NAME})[\w.-]{{0,20}})\"[^\n]{{0,100}}\n"
    r"(?:[\w-]{1,40}:[^\n]{0,200}\n){0,3}\r?\n)(?P<value>[^\r\n]++)",
    re.IGNORECASE,
)
_ON_COMMAND_LINE = re.compile(
    rf"(?<![\w-])(?P<is>--?(?P<key>[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})[\"']?,?\s++[\"']?)"
    r"(?P<value>[^\s\"',-][^\s\"']*+)",
    re.IGNORECASE,
)
_USER_ON_COMMAND_LINE = re.compile(r"(?<!\S)(-u|--(?:proxy-)?user)([ =][\"']?)[^\s:\"']{1,64}:[^\s\"']+")
_ARGUMENTS = r"[\s\"',]++(?:[^\n|;&]{0,200}?[\s\"',])?"
_OF_TOOL = re.compile(
    rf"(?<![\w-])((?:(?:mysql|mariadb)[\w-]{{0,20}}{_ARGUMENTS}-p(?!assword\b|ort\b)(?=[^\s\"',-])"
    rf"|(?:sshpass|mongo(?:sh|dump|restore|export|import|files|stat|top)?"
    rf"|(?:docker|podman|nerdctl|buildah|skopeo|helm[\s\"',]++registry)[\s\"',]++login){_ARGUMENTS}-p[\s\"',]++"
    rf"|sshpass{_ARGUMENTS}-p|redis-cli{_ARGUMENTS}-a[\s\"',]++|curl{_ARGUMENTS}-u(?=[^\s\"':]+:)))"
    r"(?!\[masked\])(?:(?<=\")[^\"\n]++|(?<=')[^'\n]++|[^\s\"',]++)"
)
"""Options that are a password's with these tools, and anything else's with others."""
_PAIR = re.compile(
    r"(?P<is>\b(?:name|key|field|header|type|slot)[\"']?\s*+[:=]\s*+[\"']"
    rf"(?P<key>[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})[\"']\s*+,?\s*+[\"']?value[\"']?\s*+[:=]\s*+"
    rf"|[(\[]\s*+b?[\"'](?P<name>[\w-]{{0,40}}?(?:{_NAME})[\w-]{{0,20}})[\"']\s*+,\s*+b?)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|\d[\d.]*+)",
    re.IGNORECASE,
)
_POSITIONAL = re.compile(r"(?:\s{0,4}+,\s{0,40}+b?(?:\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'))*+")
"""Further arguments of a call, such as the password after the user in ``HTTPBasicAuth('neha', '…')``."""
_OF_BOTH = re.compile(r"(?:credential|cred)s?\Z", re.IGNORECASE)
_SECOND = re.compile(
    rf"(?:\s{{0,4}}+/\s{{0,4}}+|(?<=,)[ \t]{{1,4}}+)(?![\w-]{{1,40}}[=:])(?:{_TAIL})++", re.IGNORECASE
)
"""The password after a user, as in ``credentials: neha / …``."""
_KEY_SAID = re.compile(
    r"\b((\w{1,20}[ _-]key)(?:\s*+[:=]\s*+|\s+(?:(?:is|was)\s+)?))(?=[^\s\d]{0,512}\d)"
    r"(?=[^\sA-Za-z]{0,512}[A-Za-z])[\w.~+=-]{20,512}+(?![\w.~+=:/@-])",
    re.IGNORECASE,
)
"""After the name of a service: ``azure key 0a1b…``. Bounded, as a word may hold a thousand names of keys."""
_SAID_TOO = re.compile(
    r"\b((?:(?:api|access|auth|secret|session|refresh|private)[ _-]key|(?:\w{1,20}[ _-])?(?:token|secret))\s+"
    r"(?:(?:is|was|hai)\s+(?=[\w.~+=-]{6})|(?=[\w.~+=-]{20})))"
    r"(?=[^\s\d]*\d)(?=[^\sA-Za-z]*[A-Za-z])[\w.~+=-]++(?![\w:/@])",
    re.IGNORECASE,
)
"""In a sentence only what looks made by chance, since other words may stand there as well."""
_SAID_TOO_MARKS = ("token ", "secret ", "key ", "key:", "key=")
_MEASURED = re.compile(r"(?:token|auth|key|sig(?:nature)?)\Z", re.IGNORECASE)
_NO_SECRET = frozenset({"true", "false", "none", "null", "nil", "required", "missing", "invalid", "expired"})

_CODES = (
    r"otp|o\.t\.p\.?|o t p|one[ -]time[ -]pass(?:word|code)|cvv2?|cvc|[mtu]?pin(?!\s*code)|passcode|password"
    r"|ओटीपी|ओ टी पी|पिन(?!\s*कोड)|पासवर्ड"
)
_CODES_IN_FULL = (
    r"(?:verification|security|login|confirmation|recovery|backup|secret|auth|mfa|2fa|(?:two[ -])?factor"
    r"|one[ -]time)[ _-]?code"
)
_FILLER = r"(?:(?:is|was|are|number|no|code|hai|h|ka|ki|for|your|है|था|:|=|-|#|\()\.?\s*+){0,3}"
_LETTER = r"(?:[^\W\d_]|[\u0900-\u0963])"
_OF_ANOTHER_NUMBER = (
    r"(?:took|in|after|within|timeout|waited|delay|status|port|https?|errors?|attempts?|retry|retries|version"
    r"|line|page|on|at|calls?|leads?|orders?|id|amount|rs|inr|emi|agent|ext(?:ension)?|user|room|batch|row|code|size"
    r"|length|till|until|by|pincode|resend|count|total|queue|pid|se pehle)"
)
_WORD = rf"(?!{_OF_ANOTHER_NUMBER}(?!{_LETTER})){_LETTER}{{1,14}}+"
_IS = r"(?:is|was|as|hai|h|है|था|-|:|\()"
_OF_WHOM = r"(?:(?:the|an?|your|ur|my|aapka|aapki|apka|apki|mera|meri|आपका|मेरा)\s+)"
_LINKING = (
    r"(?:the|an?|your|ur|my|is|as|aap(?:ka|ki|ke)|mer[aie]|login|log|in|ke|ki|ka|liye|for|to|se|hai|wala|verification"
    r"|transaction|loan|account|kyc|signup|registration|secret|code|sahi|naya|आपका|मेरा|के|लिए|का|की|है)"
)
# Also where a message is part of an address, as gateways for text messages have it.
_APART = r"[\s:=#(,?।\"'+-]*+(?:%20[\s:=#(,?।\"'+-]*+)*+"


class _Codes(NamedTuple):
    """Patterns for a code of some names: directly after its name, some words away, before it."""

    after: re.Pattern[str]
    near: re.Pattern[str]
    before: re.Pattern[str]


def _codes(names: str) -> _Codes:
    return _Codes(
        re.compile(
            rf"(?<![\w-])((?:{names})s?\s*+{_FILLER})(?!\[)\d(?:(?:[ -]|, ?)?\d){{2,7}}(?!\d|[.:/]\d)",
            re.IGNORECASE,
        ),
        re.compile(
            rf"(?:(?<![\w-])|(?<=%20))((?:{names})s?(?!{_LETTER})(?:{_APART}{_WORD}){{0,6}}{_APART})"
            r"(?<![A-Za-z]-)"
            # With the letters around its digits: half a password is as bad as all of it.
            rf"(?:(?<![A-Za-z])(?=\d)|(?<=[\s:=#(,?\"'+])(?!{_OF_ANOTHER_NUMBER}(?!{_LETTER}))[A-Za-z][A-Za-z@#$!_]{{0,20}})"
            r"(?!\[|\d{4}-\d\d-)\d(?:(?:[ -]|, ?)?\d){3,7}"
            r"(?!\d|[.:/]\d|\s?(?:ms|s|secs?|seconds?|minutes?|mins?|hours?|days?|times?|bytes|%)(?![a-z]))"
            r"(?:[A-Za-z@#$!][A-Za-z0-9@#$!_]*+)?",
            re.IGNORECASE,
        ),
        re.compile(
            r"(?<![\w.:/-])(?:G-)?\d(?:[ -]?\d){3,7}"
            + rf"(?=\s*+(?:{_IS}\s*+{_OF_WHOM}?(?:\w{{2,14}}\s+){{0,2}}|{_OF_WHOM}?"
            rf"|(?:{_LINKING}\s+){{1,6}})(?:{names})(?!\w))".replace("\\s", r"(?:[\s+]|%20)"),
            re.IGNORECASE,
        ),
    )


_OF_CODES = (_codes(_CODES), _codes(f"{_CODES}|{_CODES_IN_FULL}"))
"""Without the long names, and with them: each name is tried at each word."""
_NOT_SAID = (
    r"(?:required|requested|invalid|expired|incorrect|correct|wrong|missing|too|not|set|empty|weak|valid|the|an?|"
    r"reset|changed|being|now|only|never|also|same|hashed|encrypted|stored|kept|managed|needed|optional|mandatory"
    r"|unchanged|updated|rotated|shared|sent|set|masked|hidden|blank|unknown|known|already|available|ok|in|on|at|by)"
)
_SAID = re.compile(
    r"\b(pass(?:word|code|phrase)(?:\s+(?:is|was|hai)\s+"
    r"|\s+(?:for|of)\s+(?:[^\s:=]{1,40}\s+){0,3}?[^\s:=]{1,40}(?:\s*+[:=]\s*+|\s+(?:is|was|hai)\s+)))"
    rf"(?!{_NOT_SAID}\b|\[)"
    r"(?:\"[^\"\n]++\"|'[^'\n]++'|[^\s\"',;]{4,})",
    re.IGNORECASE,
)
_AUTH_OF_MAIL = re.compile(
    r"\b(AUTH (?:PLAIN|LOGIN|XOAUTH2))(?: (?!PLAIN|LOGIN|CRAM|XOAUTH)[A-Za-z0-9+/=]{4,}+){1,2}"
)
_LOGIN = re.compile(
    r"\b(USER[ =]\S{1,64}[\s\x01-\x03][^\0]{0,160}?\bPASS "
    r"|(?i:machine\s++\S{1,64}|default)\s++(?i:login)\s++\S{1,64}\s++(?:account\s++\S{1,64}\s++)?password\s++"
    r"|(?i:login|user)\s++\S{1,64}\s++(?i:password|passwd)\s++(?=\S{0,64}\d)|(?:requirepass|masterauth)\s++[\"']?)"
    rf"(?!\[|(?i:{_NOT_SAID}|is|was|for|and|or|to)\b)[^\s\"',\x01-\x03]++"
)
"""In protocols and files that have no signs: POP and FTP, .netrc, the configuration of Redis."""
_AUTH_OF_REDIS = re.compile(
    r"((?:^|[\"'`>]|\bredis\S{0,20}|(?<=[\x01-\x03])) ?[\"']?(?:AUTH|auth(?=\"))[\"']? [\"']?)"
    r"(?:[\w.-]{1,40}[\"']? [\"']?)?"
    r"(?!\[|(?i:ok|failed|failure|error|errors|required|success|successful|succeeded|denied|rejected|refused|timeout"
    r"|plain|login|xoauth2|oauthbearer|ntlm|cram-md5|tls|ssl|disabled|enabled|complete|completed|done|started|token"
    r"|header|service|mode|check|expired|invalid|missing|middleware|module|server|command|request|step|flow|phase"
    r"|password|called|with|without|user)\b)"
    r"(?!\[)[^\s\"'`]++(?=[\"'`]?\s*(?:$|[\x01-\x03]|[\"'`]))",
    re.MULTILINE,
)
_COOKIE = re.compile(r"(<Cookie )[^\s=<>]{1,80}=(?:(?! for )[^<>\n])++")
_IDENTIFIED_BY = re.compile(r"\b(identified\s++by\s++)(?:\"[^\"\n]++\"|'[^'\n]++')", re.IGNORECASE)
_ANY_DIGIT = re.compile(r"\d")


def mask_named(text: str, *, may_name: bool) -> str:
    """Return the text with named secrets masked: ``token=…``, ``OTP is 123456``, ``123456 is your OTP``.

    ``may_name`` says that the text has a digit, a colon or an equals sign.
    """
    may_name = may_name or "->" in text or "<-" in text
    quoted = '"' in text or "'" in text or "`" in text
    marked = " -" in text or "--" in text or "</" in text or "&lt;/" in text
    text = _mask_without_sign(text)
    low = text.casefold()
    if (may_name or quoted or marked) and (NAME_MARK.search(low) is not None or "code" in low):
        text = _mask_codes(text, _OF_CODES["code" in low]) if _ANY_DIGIT.search(text) else text
        if marked:
            text = _KEYED_ELEMENT.sub(_masked_value, _ELEMENT.sub(_masked_value, text))
        text = _FORM_PART.sub(_masked_value, text) if "form-data" in text else text
        text = _IN_HEADER.sub(_masked_value, text) if ":" in text else text
        text = _PAIR.sub(_masked_value, text) if quoted else text
        text = _mask_signed(text) if may_name or quoted else text
        if may_name and any(map(low.__contains__, _SAID_TOO_MARKS)):
            text = _KEY_SAID.sub(_masked_key, _SAID_TOO.sub(behind("[masked]"), text))
        text = _ON_COMMAND_LINE.sub(_masked_value, text) if marked or quoted else text
    if marked:
        text = _USER_ON_COMMAND_LINE.sub(lambda match: f"{match[1]}{match[2]}[masked]", text)
    if quoted and ("dentified" in text or "DENTIFIED" in text):
        text = _IDENTIFIED_BY.sub(behind("[masked]"), text)
    if "uthori" in text:
        text = _HEADER.sub(behind("[masked]"), text)
    return text


def _mask_without_sign(text: str) -> str:
    """Mask what protocols, files and command lines have in a place of its own, with no sign before it."""
    if "AUTH" in text or '"auth"' in text:
        text = _AUTH_OF_REDIS.sub(behind("[masked]"), _AUTH_OF_MAIL.sub(behind(" [masked]"), text))
    if "assw" in text or "assc" in text or "assp" in text:
        text = _SAID.sub(behind("[masked]"), text)
    if "PASS " in text or "pass" in text or "masterauth" in text:
        text = _LOGIN.sub(behind("[masked]"), text)
    if "<Cookie " in text:
        text = _COOKIE.sub(behind("[masked]"), text)
    if "-p" in text or "-a" in text or "-u" in text:
        text = _OF_TOOL.sub(behind("[masked]"), text)
    return text


def _mask_codes(text: str, patterns: _Codes) -> str:
    text = patterns.after.sub(behind("[masked]"), text)
    text = patterns.near.sub(behind("[masked]"), text)
    return patterns.before.sub("[masked]", text)


def _mask_signed(text: str) -> str:
    """Mask the values of names with a sign; a value that may stay is looked through itself."""
    parts: list[str] = []
    done = at = 0
    closings: dict[int, int] = {}
    while found := _SIGNED.search(text, at):
        at = begin = found.end()
        key, kind = found["key"], kind_of(found["key"])
        if kind not in _VALUED or (kind is Kind.KEY and text[begin : begin + 1] in _BRACKETS):
            continue
        end = _end_of_value(text, begin, closings)
        if kind is Kind.SECRET and end > begin:
            end = _end_of_login(text, found, begin, end)
        value = text[begin:end]
        if end == begin or (kind is Kind.TOKENS and value[-1] in _CLOSING and _COUNTS.fullmatch(value)):
            continue
        shown = _shown(key, kind, value)
        if shown is None:
            at = end
        else:
            parts += [text[done:begin], shown]
            done = at = end
    return "".join([*parts, text[done:]]) if parts else text


_VALUED = frozenset({Kind.SECRET, Kind.TOKENS, Kind.KEY, Kind.KEYED})
_BRACKETS, _CLOSING = frozenset("[({"), frozenset("])}")


def _end_of_value(text: str, begin: int, closings: dict[int, int]) -> int:
    opening = _OPENING.match(text, begin)
    if opening is not None and not _MASKED_ALREADY.match(text, begin):
        bracket = opening.end() - 1
        closing = _closing(text, bracket, closings)
        plain = bracket > begin and not any(sign in text[bracket:closing] for sign in "\"'=")
        if closing > bracket and not plain:
            after = _AFTER_BRACKETS.match(text, closing)
            return after.end() if after else closing
    found = _ITS_VALUE.match(text, begin)
    return found.end() if found else begin


def _end_of_login(text: str, found: re.Match[str], begin: int, end: int) -> int:
    """Return the end of a secret that has two parts, the user's name and the password."""
    if found["is"].rstrip().endswith("("):
        further = _POSITIONAL.match(text, end)
    elif text[begin] in _OPENINGS or text[begin:end].rstrip(",").casefold() in _NO_SECRET:
        return end
    elif _OF_BOTH.search(found["key"]) or text[max(found.start() - 1, 0) : found.start()] == "/":
        further = _SECOND.match(text, end)
    else:
        return end
    return further.end() if further else end


def _masked_key(match: re.Match[str]) -> str:
    return f"{match[1]}[masked]" if kind_of(match[2]) is Kind.SECRET else match[0]


_OPENINGS = frozenset("\"'`[({<\\")
_MASKED_ALREADY = re.compile(r"\[[a-z_]{2,14}(?: …\d{4})?\](?!\w)")
_NEVER = -1
"""Where a bracket is closed that is not, and the key of what was looked through to the end of the text."""


def _closing(text: str, opening: int, closings: dict[int, int]) -> int:
    """Return the end of what stands in brackets; _NEVER if they are not closed.

    A text is looked through to its end at most once: ``closings`` keeps what was found.
    """
    if opening in closings or _NEVER in closings:
        return closings.get(opening, _NEVER)
    open_ones: list[int] = []
    for step in _STEP.finditer(text, opening):
        sign = step[0]
        if sign in _BRACKETS:
            open_ones.append(step.start())
        elif sign in _CLOSING:
            closings[open_ones.pop()] = step.end()
            if not open_ones:
                return step.end()
    closings[_NEVER] = _NEVER
    return _NEVER


def _masked_value(match: re.Match[str]) -> str:
    found, whole = match.groupdict(), match.group()
    key, value = found["key"] or found.get("name") or "", match["value"]
    shown = _shown(key, kind_of(key), value)
    return whole if shown is None else whole[: match.start("value") - match.start()] + shown


def _shown(key: str, kind: Kind, value: str) -> str | None:
    """Return what is shown in place of a named value; None if it stays."""
    bare = value.strip("\"'`\\.,;()[]{}<>\u2018\u2019\u201c\u201d\u00ab\u00bb ")
    if kind is Kind.KEYED and is_code(bare):
        return "[masked]"
    if kind not in {Kind.SECRET, Kind.TOKENS, Kind.KEY} or bare.casefold() in _NO_SECRET or not bare:
        return None
    if kind is Kind.KEY and not looks_made_by_chance(bare):
        return None
    if kind is Kind.TOKENS and is_measure(bare):
        return None
    if _MEASURED.search(key) and is_measure(bare, with_unit=True):
        return None  # how long it took: auth: 12ms
    quote = _quote_of(value)
    return f"{quote}[masked]{quote}"


def _quote_of(value: str) -> str:
    """Return the quotes around a value, which stay, so that JSON remains JSON."""
    for quote in ('\\"', "\\'", '""', '"', "'"):
        if len(value) > len(quote) and value.startswith(quote) and value.endswith(quote):
            return quote
    return ""
