"""How the values of environment variables are read: levels, lists, addresses, hosts, permissions."""

import ipaddress
import logging
import re
from datetime import date
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from core.models.channels import ExtraChannel, extra_channels

_MOST_DIGITS_OF_LEVEL = 3
_MOST_NAMES = 20
SHORTEST_SECRET = 22
"""Length of a random 128-bit key in base64."""
Port = Annotated[int, Field(ge=1, le=65535)]


def split_at_commas(value: object) -> object:
    """Return the parts of a text between commas, stripped; anything else unchanged."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def level_number(level: str | int) -> int | None:
    """Return the number of a log level, given its name in any case or its number; None if there is none."""
    if isinstance(level, int):
        return level
    text = level.strip()
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS_OF_LEVEL:
        return int(text)
    return logging.getLevelNamesMapping().get(text.upper())


def _level(value: object) -> object:
    """Return what ``logging`` accepts: a name in any case, WARN included, or a number."""
    number = level_number(value) if isinstance(value, str | int) else None
    if number is None:
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR, CRITICAL or a number")
    return logging.getLevelName(number) if number in _NAMED_LEVELS else str(number)


def in_lower_case(value: object) -> object:
    """Return a text in lower case, stripped; anything else unchanged."""
    return value.strip().lower() if isinstance(value, str) else value


LogLevel = Annotated[str, BeforeValidator(_level)]
_NAMED_LEVELS = frozenset(logging.getLevelNamesMapping().values())
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_at_commas)]
SecretCommaList = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split_at_commas)]


def plain_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return names made of letters, digits, ``_`` and ``-``.

    Raises:
        ValueError: one has other characters or more than 64 letters, two differ by case alone, or there are
            more than 20.
    """
    if len(value) > _MOST_NAMES:
        raise ValueError(f"has {len(value)} names; {_MOST_NAMES} are enough")
    if wrong := [name for name in value if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name)]:
        raise ValueError(f"has {wrong[0]!r}; a name is made of letters, digits, _ and -")
    names = tuple(dict.fromkeys(value))
    if len({name.lower() for name in names}) < len(names):
        raise ValueError("has two names that differ by case alone; keep one")
    return names


def _addresses(value: object) -> object:
    """Return mail addresses separated by commas, or by semicolons as in some address books."""
    return split_at_commas(value.replace(";", ",")) if isinstance(value, str) else value


def is_mail_address(text: str) -> bool:
    """Return whether a text is one mail address, with or without a name: ``Duty <duty@example.com>``."""
    _, address = parseaddr(text)
    if not text.isprintable():  # a line break would begin another header
        return False
    named = not re.search(r"[\s<>]", text) or text.endswith(f"<{address}>")
    return named and re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address) is not None


def _all_addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    for number, address in enumerate(value, start=1):
        if not is_mail_address(address):
            raise ValueError(f"must be mail addresses separated by commas; number {number} is none")
    return value


AddressList = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_addresses), AfterValidator(_all_addresses)
]
ExtraChannels = Annotated[tuple[ExtraChannel, ...], NoDecode, BeforeValidator(extra_channels)]


def _web_address(value: str | None) -> str | None:
    if not value:
        return value
    if _parts(value).scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    return value.strip()


def _parts(address: str) -> SplitResult:
    """Return the parts of a web address.

    Raises:
        ValueError: it has no host, or its port is none; without the address, which may hold a secret.
    """
    text = address.strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme not in {"http", "https"} or (bool(parts.hostname) and parts.port != 0)
    except ValueError:  # of the port, or of an IPv6 address
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ValueError("must be an address as https://host or https://host:port")
    return parts


WebAddress = Annotated[str | None, AfterValidator(_web_address)]


def written_like(pattern: str, words: str) -> AfterValidator:
    """Refuse a text that a pattern does not match as a whole; ``words`` say what it must be."""

    def check(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(check)


_TIME = r"([01]\d|2[0-3]):[0-5]\d"
TimeOfDay = Annotated[str, written_like(_TIME, "a time of day such as 09:00")]
HandOver = Annotated[
    str,
    written_like(rf"(mon|tue|wed|thu|fri|sat|sun) {_TIME}", "a weekday and a time of day such as mon 09:00"),
]


def _swaps(value: object) -> object:
    """Return ``2026-12-21=meera`` as a day and a name, for each."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",") if part.strip()]
    found = [re.fullmatch(r"(\d{4}-\d\d-\d\d)\s*=\s*(\S+)", part) for part in parts]
    try:
        if all(found):
            return tuple((date.fromisoformat(one[1]), one[2]) for one in found if one)
    except ValueError:
        pass
    raise ValueError("must be days and names, comma separated: 2026-12-21=meera")


Swaps = Annotated[tuple[tuple[date, str], ...], NoDecode, BeforeValidator(_swaps)]
"""Days, and who takes the week that begins on each."""


def _octal(value: object) -> object:
    try:
        mode = int(value, 8) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be octal permissions, for example 0640") from None
    if isinstance(mode, int) and not _OWNER_WRITES <= mode <= _ALL:
        raise ValueError("must be permissions with which its owner can write, 0200 to 0777, for example 0640")
    return mode


_OWNER_WRITES, _ALL = 0o200, 0o777
FileMode = Annotated[int, BeforeValidator(_octal)]


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can be reached only from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _beginning(*starts: str) -> AfterValidator:
    """Refuse a secret that does not begin with one of the texts, without revealing it."""

    def check(value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(starts):
            raise ValueError(f"must begin with {' or '.join(starts)}")
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value and len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(
            f"must have {SHORTEST_SECRET} characters or more; "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )
    return value


def _one_address(value: str | None) -> str | None:
    if value and not is_mail_address(value):
        raise ValueError("must be one mail address, for example Voice agent <alerts@example.com>")
    return value


def _collector_address(value: str | None) -> str | None:
    if value is None:
        return None
    parts = _parts(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError("must begin with https:// (or http:// on this machine)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, ? or #: a token has its own variable")
    return value.strip().rstrip("/")


def _host(value: str | None) -> str | None:
    if value and not re.fullmatch(r"[\w.-]+|(?=.*:.*:)[\da-fA-F:.]+(%[\w.-]+)?", value.strip()):
        raise ValueError("must be a host alone, without scheme and port")
    return value.strip() if value else value


def _token(value: SecretStr | None) -> SecretStr | None:
    """Return a token without blanks around it; refuse one that no header can hold, without revealing it."""
    if value is None:
        return None
    token = value.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise ValueError("must be made of ASCII characters without spaces and line breaks")
    return SecretStr(token)


MongoAddress = Annotated[SecretStr | None, _beginning("mongodb://", "mongodb+srv://")]
SlackAddress = Annotated[SecretStr | None, _beginning("https://hooks.slack.com/")]
SecretWebAddress = Annotated[SecretStr | None, _beginning("http://", "https://")]
LongSecret = Annotated[SecretStr | None, AfterValidator(_long_enough)]
MailAddress = Annotated[str | None, AfterValidator(_one_address)]


def _headers(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Refuse what is no header, by its number: the value may be a secret."""
    for number, one in enumerate(value, start=1):
        name, equals, content = one.get_secret_value().partition("=")
        plain = unquote(content).strip()
        if not equals or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name.strip(), re.ASCII):
            raise ValueError(f"must be name=value, comma separated; number {number} is not")
        if not plain.isprintable() or not plain.isascii():
            raise ValueError(f"must be ASCII, percent-encoded where needed; number {number} is not")
    return value


Headers = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(split_at_commas), AfterValidator(_headers)
]
Host = Annotated[str | None, AfterValidator(_host)]
Token = Annotated[SecretStr | None, AfterValidator(_token)]
CollectorAddress = Annotated[str | None, AfterValidator(_collector_address)]
