"""Who asks: the holder of a key, or a program of this machine where there are none."""

from fastapi import Request

from core.access.roles import Actor, Role, of_machine
from core.api.security import find_key, given_keys, keys_of
from core.settings import get_settings


def actor_of(request: Request) -> Actor:
    """Return who asks, a key by its id; the request has passed its check already."""
    key = find_key(keys_of(get_settings()), given_keys(request.headers))
    if key is None:
        return of_machine()
    return Actor(f"key {key.id}", Role.OPERATOR if key.writes else Role.VIEWER)
