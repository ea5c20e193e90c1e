"""A delivery's content in the form it may be kept: without secrets and without what identifies a person."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from core.privacy.keys import is_dialled
from core.privacy.masking import mask_value
from core.privacy.numbers import mask_of

LARGEST_KEPT = 256_000
"""Largest body that is kept, in bytes; transcripts are masked before they count."""
_ENDINGS = ("number", "phone", "mobile", "msisdn", "whatsapp")
"""Names of fields with a dialled number, however it is written; case and separators do not matter."""
_FEWEST_DIGITS = 6


def masked_body(
    payload: Mapping[str, Any], secrets: Collection[str], ids: Collection[str] = ()
) -> str | None:
    """Return the content as masked JSON; None if it is too large to keep.

    Args:
        payload: what was posted.
        secrets: keys whose values are left out, at any depth, in any case.
        ids: values that stay although they look like a person's number: ids of calls.
    """
    hidden = frozenset(key.lower() for key in secrets)
    plain = _without(payload, hidden)
    text = orjson.dumps(_kept(plain, mask_value(plain), frozenset(ids)), default=str)
    return text.decode() if len(text) <= LARGEST_KEPT else None


def _without(value: Any, secrets: frozenset[str]) -> Any:  # noqa: ANN401 (foreign data)
    if isinstance(value, Mapping):
        return {key: _without(item, secrets) for key, item in value.items() if key.lower() not in secrets}
    return [_without(item, secrets) for item in value] if isinstance(value, list) else value


def _kept(plain: Any, masked: Any, ids: frozenset[str], *, dialled: bool = False) -> Any:  # noqa: ANN401 (foreign data)
    """Return the masked form, with ids unchanged and dialled numbers masked by the name of their field.

    Such a number may be split into parts, surrounded by words, or in any script's digits; no digit is left.
    """
    if isinstance(plain, Mapping) and isinstance(masked, Mapping):
        pairs = zip(plain.items(), masked.items(), strict=True)
        return {
            shown: _kept(item, other, ids, dialled=dialled or _is_dialled(key, item))
            for (key, item), (shown, other) in pairs
        }
    if isinstance(plain, list) and isinstance(masked, list):
        return [_kept(item, other, ids, dialled=dialled) for item, other in zip(plain, masked, strict=True)]
    if str(plain) in ids:
        return plain
    return (
        mask_of("phone", str(plain)) if dialled and _digits(plain) and not isinstance(plain, bool) else masked
    )


def _is_dialled(name: str, value: object) -> bool:
    letters = "".join(filter(str.isalnum, name)).lower()
    return (is_dialled(name) or letters.endswith(_ENDINGS)) and _digits(value) >= _FEWEST_DIGITS


def _digits(value: object) -> int:
    """Return how many digits there are in a value, at any depth."""
    if isinstance(value, Mapping):
        return sum(map(_digits, value.values()))
    return sum(map(_digits, value)) if isinstance(value, list) else sum(map(str.isdecimal, str(value)))
