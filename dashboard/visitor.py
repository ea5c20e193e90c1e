"""Who looks at the dashboard."""

from core.access.roles import Actor, of_machine


def actor() -> Actor:
    """Who opened this page; without sign-in, whoever sits at this machine."""
    return of_machine()
