"""Names of languages: the codes and spellings that platforms send, mapped to one name each."""

from types import MappingProxyType

_BY_CODE = {
    "hindi": ("hi", "hin", "हिन्दी", "हिंदी"),
    "english": ("en", "eng"),
    "hinglish": ("hi-latn", "hi-en", "en-hi", "hindi-english", "english-hindi", "hindlish"),
    "tamil": ("ta", "tam", "தமிழ்"),
    "telugu": ("te", "tel", "తెలుగు"),
    "kannada": ("kn", "kan", "ಕನ್ನಡ"),
    "malayalam": ("ml", "mal", "മലയാളം"),
    "marathi": ("mr", "mar", "मराठी"),
    "bengali": ("bn", "ben", "bangla", "বাংলা"),
    "gujarati": ("gu", "guj", "ગુજરાતી"),
    "punjabi": ("pa", "pan", "panjabi", "ਪੰਜਾਬੀ"),
    "odia": ("or", "od", "ori", "oriya", "ଓଡ଼ିଆ"),
    "assamese": ("as", "asm", "অসমীয়া"),
    "urdu": ("ur", "urd", "اردو"),
    "nepali": ("ne", "nep", "नेपाली"),
    "konkani": ("kok", "gom"),
}
NAMES = MappingProxyType(
    {name: name for name in _BY_CODE} | {code: name for name, codes in _BY_CODE.items() for code in codes}
)
"""Known languages: code, name or spelling in lower case, and the name it maps to."""


def fold(language: str) -> str:
    """Return the one name of a language: ``hi``, ``hi-IN``, ``hi_IN`` and ``Hindi`` are all ``hindi``.

    An unknown name stays as it is, in lower case.
    """
    if language in NAMES:
        return NAMES[language]
    plain = language.strip().lower().replace("_", "-")
    return NAMES.get(plain) or NAMES.get(plain.partition("-")[0]) or plain
