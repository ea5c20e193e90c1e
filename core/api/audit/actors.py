"""Who is asking: the holder of a key, or a program of this machine if there are no keys."""

from fastapi import Request

from core.access.permissions import LEAST
from core.access.roles import Actor, Role, of_machine
from core.api.keys import key_of


def actor_of(request: Request) -> Actor:
    """Return who is asking, by the key's name or id; the request has already been authorised."""
    key = key_of(request.scope)
    if key is None:
        return of_machine()
    role = max((LEAST[permission] for permission in key.may), default=Role.VIEWER)
    return Actor(f"key {key.name or key.id}", role)
