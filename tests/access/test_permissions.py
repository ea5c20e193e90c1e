"""The table of what each role may do."""

import pytest

from core.access.permissions import LEAST, Permission, allowed, may
from core.access.proxied import proxied_actor, proxied_roles
from core.access.roles import Role
from core.errors import UserError
from core.settings import SettingsError, get_settings

ROLES = {
    Role.VIEWER: {Permission.READ},
    Role.OPERATOR: {
        *(
            Permission.SEE_PERSONAL,
            Permission.ACKNOWLEDGE,
            Permission.CLOSE,
            Permission.SILENCE,
            Permission.CHANGE_RULES,
            Permission.SAVE_VIEWS,
        ),
        *(Permission.TEST_CHANNELS, Permission.SEND_AGAIN, Permission.RECOMPUTE),
    },
    Role.PRIVILEGED: {Permission.EXPORT_CALLS, Permission.DECRYPT},
    Role.ADMIN: {Permission.SEE_AUDIT},
}
"""What each role may that the one before it may not."""


def test_every_action_has_its_least_role() -> None:
    """As the documentation has it; an action that is added has to be thought of."""
    assert {*LEAST} == {*Permission} == set().union(*ROLES.values())
    for role, own in ROLES.items():
        assert {action for action in Permission if LEAST[action] is role} == own
        assert allowed(role) == {action for action in Permission if may(role, action)}


def test_a_higher_role_may_all_that_a_lower_one_may() -> None:
    for lower, higher in zip([*Role][:-1], [*Role][1:], strict=True):
        assert allowed(lower) <= allowed(higher)


def test_roles_are_read_as_people_write_them() -> None:
    assert [Role.of(f" {role.label.upper()} ") for role in Role] == [*Role]
    with pytest.raises(UserError, match="'boss' is not a role; use viewer, operator, privileged, admin"):
        Role.of("boss")


def test_whom_a_proxy_names_has_the_role_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail addresses are alike in small and capital letters; without ``*`` strangers get nothing."""
    monkeypatch.setenv("DASHBOARD_ROLES", "Asha@Example.com=operator, ravi=ADMIN")
    get_settings.cache_clear()

    def role_of(name: str) -> Role | None:
        found = proxied_actor(get_settings(), name)
        return found.role if found else None

    assert role_of("asha@example.COM") is Role.OPERATOR
    assert role_of("ravi") is Role.ADMIN
    assert [role_of(name) for name in ("mallory", "*", " ")] == [None] * 3
    monkeypatch.setenv("DASHBOARD_ROLES", "asha=operator, *=viewer")
    get_settings.cache_clear()
    assert role_of("mallory") is Role.VIEWER
    assert role_of(" ") is None


@pytest.mark.parametrize(
    ("given", "said"),
    [("", "lets nobody in without roles"), ("asha=boss", "DASHBOARD_ROLES: 'boss' is not a role")],
)
def test_roles_that_cannot_be_used_are_refused(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_ROLES", given)
    get_settings.cache_clear()
    with pytest.raises(UserError, match=said):
        proxied_roles(get_settings())


def test_what_is_no_list_of_roles_or_networks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DASHBOARD_ROLES", "asha"), ("DASHBOARD_TRUSTED_PROXIES", "10.0.0.0/33")):
        monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        with pytest.raises(SettingsError, match=f"{name} must be"):
            get_settings()
        monkeypatch.delenv(name)
