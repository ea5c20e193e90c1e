"""Settings for who may sign in at the dashboard: with a password, or through a proxy."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from core.variables.kinds import in_lower_case, written_like


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be addresses or networks, comma separated: 10.0.0.7, 172.18.0.0/16") from None


def _given_roles(value: object) -> object:
    """Return ``asha@example.com=operator`` as a name in lower case and a role, for each."""
    if not isinstance(value, str):
        return value
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and role.strip() for name, _, role in pairs):
        raise ValueError("must be names and roles, comma separated: asha@example.com=operator, *=viewer")
    return tuple((name.strip().lower(), role.strip().lower()) for name, _, role in pairs)


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
GivenRoles = Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_given_roles)]


class SignInSettings(BaseModel):
    """Part of :class:`core.settings.Settings`."""

    dashboard_sign_in: Annotated[Literal["none", "users", "proxy"], BeforeValidator(in_lower_case)] = Field(
        default="none",
        description="How people sign in: `none`, `users` (with a password) or `proxy`; docs/access.md",
    )
    dashboard_user_header: Annotated[
        str,
        written_like(r"[A-Za-z][A-Za-z0-9-]{0,63}", "the name of a header, such as X-Forwarded-Email"),
    ] = Field(default="X-Forwarded-Email", description="Header in which the proxy names the user")
    dashboard_roles: GivenRoles = Field(
        default=(),
        description="Roles of users behind a proxy: `asha@example.com=operator, *=viewer`; `*` is everyone",
    )
    dashboard_trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of trusted proxies, comma separated; this machine if not set",
    )
    dashboard_proxy_user: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="User of this machine that the proxy runs as, such as `www-data`; all others are refused",
    )
    session_hours: int = Field(default=12, ge=1, le=720, description="Hours until users must sign in again")
    session_idle_minutes: int = Field(
        default=60,
        ge=1,
        le=43_200,
        description="Minutes of inactivity until users must sign in again; auto-refresh does not count",
    )
