"""Who has signed in at a proxy: DASHBOARD_ROLES says what each name may do."""

from core.access.roles import Actor, Role
from core.errors import UserError
from core.settings import Settings

ANYBODY = "*"


def proxied_roles(settings: Settings) -> dict[str, Role]:
    """Return the roles of DASHBOARD_ROLES by name.

    Raises:
        UserError: there are none, or one of them is no role.
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
    """Whoever the proxy names; None where nobody of that name has a role.

    Raises:
        UserError: DASHBOARD_ROLES cannot be used.
    """
    roles = proxied_roles(settings)
    role = roles.get(name.strip().lower(), roles.get(ANYBODY))
    return Actor(name.strip(), role) if name.strip() and role is not None else None
