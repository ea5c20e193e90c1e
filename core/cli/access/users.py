"""``python -m core users``: people who sign in to the dashboard with a password."""

import sys
from typing import Annotated

import typer
from rich.table import Table

from core.access.audit import Action
from core.access.roles import Role
from core.cli.access.store import store
from core.cli.noted import note
from core.cli.store import print_table
from core.errors import UserError
from core.settings import get_settings

app = typer.Typer(help="Manage dashboard users (DASHBOARD_SIGN_IN=users).", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Sign-in name", show_default=False)]
AsRole = Annotated[str, typer.Option("--role", help="viewer, operator, privileged or admin")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line")
]


@app.command()
def add(name: Name, role: AsRole, password_stdin: FromStdin = False) -> None:
    """Add a user. Asks for the password twice."""
    from core.access.users import add_user  # noqa: PLC0415 (loads what takes a while)

    made = add_user(store(), name, Role.of(role), _password(stdin=password_stdin))
    note(Action.USER_CHANGED, made.name, added_as=made.role.label)
    typer.echo(f"{made.name} can sign in as {made.role.label}")


@app.command("list")
def list_them() -> None:
    """List users."""
    from core.access.users import list_users  # noqa: PLC0415 (as above)

    table = Table("name", "role", "since", "signs in")
    for user in list_users(store()):
        since = f"{user.created_at.astimezone(get_settings().tz):%Y-%m-%d}"
        table.add_row(user.name, user.role.label, since, "no: disabled" if user.disabled else "yes")
    print_table(table if table.rows else "no users; python -m core users add NAME")


@app.command()
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Change a password. Signs the user out everywhere."""
    from core.access.users import find_user, set_password  # noqa: PLC0415 (as above)

    database = store()
    if find_user(database, name) is None:
        raise UserError(f"there is no user {name}; list them with: python -m core users list")
    set_password(database, name, _password(stdin=password_stdin))
    note(Action.USER_CHANGED, name, changed="password")
    typer.echo(f"{name} has a new password; old sessions are ended")


@app.command()
def role(
    name: Name,
    to: Annotated[
        str, typer.Argument(metavar="ROLE", help="viewer, operator, privileged or admin", show_default=False)
    ],
) -> None:
    """Change a role. The user has to sign in again."""
    from core.access.users import set_role  # noqa: PLC0415 (as above)

    set_role(store(), name, Role.of(to))
    note(Action.USER_CHANGED, name, role=Role.of(to).label)
    typer.echo(f"{name} is {Role.of(to).label} from the next sign-in; old sessions are ended")


@app.command()
def disable(name: Name) -> None:
    """Block a user at once."""
    _set_disabled(name, disabled=True)
    typer.echo(f"{name} can no longer sign in; old sessions are ended")


@app.command()
def enable(name: Name) -> None:
    """Unblock a disabled user."""
    _set_disabled(name, disabled=False)
    typer.echo(f"{name} can sign in")


@app.command()
def remove(name: Name) -> None:
    """Delete a user and end their sessions."""
    from core.access.users import remove_user  # noqa: PLC0415 (as above)

    remove_user(store(), name)
    note(Action.USER_CHANGED, name, removed=True)
    typer.echo(f"{name} removed")


def _set_disabled(name: str, *, disabled: bool) -> None:
    from core.access.users import set_disabled  # noqa: PLC0415 (as above)

    set_disabled(store(), name, disabled=disabled)
    note(Action.USER_CHANGED, name, disabled=disabled)


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Repeat password")
    return given
