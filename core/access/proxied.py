"""Users who sign in at a proxy; DASHBOARD_ROLES gives each name its role."""

from core.access.roles import Actor, Role
from core.errors import UserError
from core.settings import Settings

ANYBODY = "*"


def proxied_roles(settings: Settings) -> dict[str, Role]:
    """Return the roles of DASHBOARD_ROLES by name.

    Raises:
        UserError: there are none, or a role is unknown.
    """
    if not settings.dashboard_roles:
        raise UserError(
            "DASHBOARD_SIGN_IN=proxy lets nobody in without roles: "
            "set DASHBOARD_ROLES=asha@example.com=operator, *=viewer"
        )
    try:
        return {name: Role.of(label) for name, label in settings.dashboard_roles}
    except UserError as error:
        raise UserError(f"DASHBOARD_ROLES: {error}") from None


def proxied_actor(settings: Settings, name: str) -> Actor | None:
    """Return the user the proxy names; None if the name has no role.

    Raises:
        UserError: DASHBOARD_ROLES is invalid.
    """
    roles = proxied_roles(settings)
    role = roles.get(name.strip().lower(), roles.get(ANYBODY))
    return Actor(name.strip(), role) if name.strip() and role is not None else None
