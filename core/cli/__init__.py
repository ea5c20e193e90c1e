"""The command line, ``python -m core``. Errors are one line, with exit code 2."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from pymongo.errors import PyMongoError
from typer.exceptions import TyperException

from core import __version__
from core.cli import (
    alerts,
    calls,
    compliance,
    examples,
    hooks,
    imports,
    on_call,
    reports,
    rules,
    run,
    sources,
    store,
)
from core.cli.access import api_keys, audit, breach, erasure, keys, users
from core.errors import UserError
from core.logging_config import setup_logging, spare_stdout
from core.settings import Settings, get_settings
from core.storage.server.connection import unavailable_text
from core.types import on_one_line

_SERVERS = {"api"}
"""Commands that print no report: they log to stdout, as any service does."""
_LONG_RUNNING = {"api", "run", "demo"}
"""Commands that run until they are stopped: their log lines show how they are doing."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Ways in which a write to a file without a name of its own, stdout, fails."""
app = typer.Typer(
    name="python -m core",
    help="Monitoring for AI voice agents: import calls, compute figures, check alerts, serve the API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def configured(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Reject invalid settings before anything else is loaded or logged."""
    settings = get_settings()
    if context.invoked_subcommand not in _SERVERS:
        spare_stdout()  # stdout is for tables and reports
    if context.invoked_subcommand not in _LONG_RUNNING and _nobody_keeps_lines(settings):
        setup_logging("WARNING")


for commands in (imports, calls, alerts, reports, store, erasure, run, sources, breach, compliance):
    app.registered_commands += commands.app.registered_commands
app.add_typer(rules.app, name="rules")
app.add_typer(hooks.app, name="hooks")
app.add_typer(keys.app, name="keys")
app.add_typer(erasure.receipts, name="erasure")
app.add_typer(on_call.app, name="alerts")
app.add_typer(audit.app, name="audit")
app.add_typer(users.app, name="users")
app.add_typer(api_keys.app, name="api-keys")
examples.attach(app)


def _nobody_keeps_lines(settings: Settings) -> bool:
    """Return whether log lines would only come between somebody at a terminal and the command's output."""
    kept = settings.log_file or settings.log_to_database or settings.splunk_hec_url
    return sys.stderr.isatty() and not kept and "log_level" not in settings.model_fields_set


def main() -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal may only support ASCII
    try:
        _refuse_what_is_not_text(sys.argv[1:])
        code = app(standalone_mode=False)
    except (TyperException, typer.Abort) as error:
        return _misused(error)
    except UserError as error:
        return _fail(str(error))
    except PyMongoError as error:
        return _fail(unavailable_text(error))
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        return _fail(_unusable(error))
    except SystemExit as exit_:
        code = exit_.code
    return code if isinstance(code, int) else 0


def _misused(error: TyperException | typer.Abort) -> int:
    """Say in one line what is wrong with the arguments, and where to look."""
    if isinstance(error, typer.Abort):  # Ctrl-C or Ctrl-D at a question
        return _fail("stopped; the question was not answered", 1)
    context: typer.Context | None = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is on the screen
        return 2
    what = " ".join(error.format_message().split()).rstrip(".")
    see = f"; see {context.command_path} --help" if context else ""
    return _fail(f"{what[:1].lower()}{what[1:]}{see}")


def _refuse_what_is_not_text(arguments: list[str]) -> None:
    """Check that each argument is text, which a database can store, or names a file.

    Raises:
        UserError: one is neither.
    """
    for text in arguments:
        try:
            text.encode()
        except UnicodeEncodeError:
            if not os.path.lexists(text.partition("=")[2] if text.startswith("-") else text):
                raise UserError(f"{text!a} is not valid UTF-8, and no file has this name") from None


def _unusable(error: OSError) -> str:
    """Return in words why a file, or the output, cannot be used; any other error is raised again."""
    if error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}"
    if error.errno not in _FULL:
        raise error
    # What is left in the stream must not fail again when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return f"the output cannot be written: {error.strerror}"


def _fail(text: str, code: int = 2) -> int:
    sys.stderr.write(f"error: {on_one_line(text)}\n")
    return code
