"""Additional channels for alerts, as listed in ALERT_APPRISE_URLS."""

import re
from dataclasses import dataclass

from pydantic import SecretStr

from core.models.alerts import Severity


@dataclass(frozen=True)
class ExtraChannel:
    """A channel of ALERT_APPRISE_URLS; ``severities`` None accepts all."""

    name: str
    url: SecretStr
    severities: frozenset[Severity] | None = None


_CHANNEL = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?:\[([^\]]*)\])?=([A-Za-z][A-Za-z0-9+.-]*://.+)", re.DOTALL)
# URLs may contain commas, so a new channel begins where a name and a scheme follow.
_NEXT_CHANNEL = re.compile(r"[,\s]+(?=[A-Za-z][A-Za-z0-9_-]*(?:\[[^\]]*\])?=[A-Za-z][A-Za-z0-9+.-]*://)")
_OWN_CHANNELS = {"email", "slack"}


def extra_channels(value: object) -> object:
    """Return the channels in a text, for pydantic.

    Raises:
        ValueError: the text has another form; the message contains no URL.
    """
    if not isinstance(value, str):
        return value
    channels = [_extra_channel(part) for part in _NEXT_CHANNEL.split(value.strip(", \n\t")) if part]
    names = [channel.name for channel in channels]
    if len(set(names)) < len(names) or _OWN_CHANNELS & set(names):
        raise ValueError("needs another name for each channel, none of them email or slack")
    return tuple(channels)


def _extra_channel(text: str) -> ExtraChannel:
    found = _CHANNEL.fullmatch(text)
    if found is None:
        raise ValueError("must be name=url or name[critical]=url, several separated by commas")
    name, severities, url = found.groups()
    known = {severity.value: severity for severity in Severity}
    chosen = [part.strip() for part in (severities or "").split(",") if part.strip()]
    if any(part not in known for part in chosen):
        raise ValueError(f"of {name} has an unknown severity; use {', '.join(known)}")
    return ExtraChannel(name, SecretStr(url), frozenset(known[part] for part in chosen) or None)
