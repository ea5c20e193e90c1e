"""This machine: variables, folders, the log file, the spool, and the servers that run here."""

import os
import shutil
import stat
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import timedelta
from difflib import get_close_matches

from core.access.proxied import proxied_roles
from core.clock import utc_now
from core.doctor.idle import idle
from core.doctor.result import Finding, State
from core.errors import UserError
from core.logs.sinks.log_file import foreign, is_shared
from core.peers import number_of
from core.ports import address, answers, check_free
from core.pricing import price_table
from core.settings import NAMES, Settings, get_settings
from core.storage.recording.spool import spool_status
from core.types import counted
from core.variables.env_file import EnvFile, around, read_env_file
from core.variables.kinds import is_loopback

_LIKENESS = 0.85
"""A name at least this similar to one of ours (difflib's ratio, 0 to 1) counts as misspelt."""
_SHORT = 3
_SYNONYMS = {
    "HOST": "SERVER",
    "HOSTNAME": "SERVER",
    "USER": "USERNAME",
    "LOGIN": "USERNAME",
    "PASS": "PASSWORD",
    "PASSWD": "PASSWORD",
    "PWD": "PASSWORD",
    "URL": "URI",
    "ADDRESS": "URI",
    "MONGO": "MONGODB",
    "DB": "DATABASE",
    "MAIL": "EMAIL",
    "RECIPIENT": "TO",
    "SENDER": "FROM",
    "FOLDER": "DIR",
    "DIRECTORY": "DIR",
    "PATH": "DIR",
    "TZ": "TIMEZONE",
    "DAY": "DAYS",
}
"""Words of names, without the plural, and what our own names say for them."""
_DISPENSABLE = frozenset({"ALERT", "URI", "RAW"})
NO_EFFECT = {
    "DASHBOARD_USERS": (
        "the dashboard has no users of its own, and whoever reaches it sees all calls",
        "put it behind a proxy that asks who comes, and take the variable out",
    ),
}
"""Variables that promise what is not there, with what to do instead."""
_SCARCE_BYTES, _FULL_BYTES = 2_000_000_000, 300_000_000
"""The embedded database wants some 300 MB from the first call on."""
_OWN_FOLDER = "set LOG_FILE to one in a folder of your own"
_SPOOL_IS_OLD = timedelta(minutes=5)


def configuration() -> Iterator[Finding]:
    """Yield which variables are set, by name alone, and names that look like slips."""
    file = read_env_file(NAMES)
    values = file.values | os.environ
    given = set(values)
    found = ", ".join(sorted(NAMES & given)) or "nothing is set, defaults apply"
    yield Finding(
        "configuration", State.OK, f"{found} (.env is {'read' if file.values else 'empty or absent'})"
    )
    yield from _lines_without_effect(file)
    for name in sorted(NAMES & os.environ.keys()):
        if marks := around(os.environ[name]):
            text = f"{name} has {marks} around its value, which are part of it"
            yield Finding("configuration", State.WARN, text, "write it without them")
    for name in sorted(given - NAMES):
        if name.upper() in NO_EFFECT:
            text, remedy = NO_EFFECT[name.upper()]
            yield Finding("configuration", State.WARN, f"{name} has no effect: {text}", remedy)
        elif meant := _meant(name, NAMES - given):
            text = f"{name} is not one of our variables"
            yield Finding("configuration", State.WARN, text, f"did you mean {meant}?")
    yield from idle({name for name, value in values.items() if value}, get_settings())


def _lines_without_effect(file: EnvFile) -> Iterator[Finding]:
    """Yield lines of .env that cannot be read, or that a later one overrides."""
    if file.foreign_lines:
        where = (
            f"{'line' if len(file.foreign_lines) == 1 else 'lines'} {', '.join(map(str, file.foreign_lines))}"
        )
        yield Finding(
            "configuration", State.WARN, f"{where} of .env cannot be read", "write NAME=value, or # in front"
        )
    for name, lines in sorted(file.repeated.items()):
        where = f"lines {', '.join(map(str, lines))} of .env set {name}"
        yield Finding("configuration", State.WARN, f"{where}; the last one counts", "keep one of them")


def _meant(name: str, ours: AbstractSet[str]) -> str | None:
    """Return the variable that a name seems to mean, in other words or misspelt; None if there is none."""
    words = _words(name)
    for one in sorted(ours):
        lacks = _words(one) - words
        if len(words) > 1 and words <= _words(one) and lacks <= _DISPENSABLE:
            return one
    return next(iter(get_close_matches(name.upper(), ours, n=1, cutoff=_LIKENESS)), None)


def _words(name: str) -> frozenset[str]:
    """Return the words of a name, each in the form that our own names have."""
    words = (
        word if word.endswith("SS") or len(word) <= _SHORT else word.removesuffix("S")
        for word in name.upper().split("_")
    )
    return frozenset(_SYNONYMS.get(word, word) for word in words if word)


def prices(settings: Settings) -> Iterator[Finding]:
    """Check that PRICES_FILE can be read, if it is set."""
    if settings.prices_file is None:
        return
    try:
        table = price_table()
    except UserError as error:
        yield Finding(
            "prices",
            State.FAIL,
            str(error),
            "fix the file; until then programs use the prices they read before, if any",
        )
        return
    rates = ", ".join(sorted(table.rates)) or "none"
    yield Finding("prices", State.OK, f"{len(table.price):,} models and voices, rates of {rates}")


def data_folder(settings: Settings) -> Finding:
    """Check that DATA_DIR can be written, is private and has room."""
    folder = settings.data_dir.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("DATA_DIR", State.FAIL, f"{folder} cannot be written", "set it to a folder you own")
    free = shutil.disk_usage(there).free
    text = f"{folder}, {free / 1e9:,.1f} GB free"
    if free < _FULL_BYTES:
        return Finding("DATA_DIR", State.FAIL, text, "free disk space: soon nothing can be stored or spooled")
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("DATA_DIR", State.WARN, f"{text}; other users can read it", f"chmod 700 {folder}")
    if free < _SCARCE_BYTES:
        return Finding("DATA_DIR", State.WARN, text, "free disk space before it is full")
    return Finding("DATA_DIR", State.OK, text)


def log_file(settings: Settings) -> Finding:
    """Check where log lines go, and that they can be written there."""
    level = f"LOG_LEVEL {settings.log_level}"
    if settings.log_file is None:
        return Finding("log", State.OK, f"{level}, to stdout")
    file = settings.log_file.expanduser().absolute()
    there = next(path for path in (file, *file.parents) if path.exists())
    if there.is_dir() is (there == file) or not os.access(there, os.W_OK):
        return Finding("log", State.FAIL, f"LOG_FILE {file} cannot be written", "name another")
    if (there == file or file.is_symlink()) and (reason := foreign(file.parent, file.lstat())):
        return Finding("log", State.FAIL, f"LOG_FILE {file} is not written: {reason}", _OWN_FOLDER)
    if (there.is_dir() and is_shared(there)) or (there == file and is_shared(file.parent)):
        text = f"{level}, to {file}, in a folder that others can write"
        return Finding("log", State.WARN, text, _OWN_FOLDER)
    return Finding("log", State.OK, f"{level}, to {file}")


def spool() -> Iterator[Finding]:
    """Yield what the database could not take."""
    status = spool_status()
    if status.waiting and status.oldest and utc_now() - status.oldest > _SPOOL_IS_OLD:
        since = f"{status.oldest:%Y-%m-%d %H:%M} UTC"
        waiting = counted(status.waiting, "record is", "records are")
        text = f"{waiting} waiting for the database, the oldest since {since}"
        yield Finding("spool", State.WARN, text, "start the agent or the scheduler: it replays them")
    else:
        waiting = f"{counted(status.waiting, 'record')} waiting" if status.waiting else "empty"
        yield Finding("spool", State.OK, waiting)
    if status.dead:
        dead = counted(status.dead, "record is", "records are")
        text = f"{dead} dead-lettered: permanently refused by MongoDB"
        yield Finding("spool", State.WARN, text, "see DATA_DIR/spool/*/dead, each with its reason")
    if status.lost:
        lost = counted(status.lost, "record was", "records were")
        text = f"{lost} lost: accepted by neither database nor disk"
        yield Finding("spool", State.WARN, text, "the log says which (Lost: …)")


def api(settings: Settings) -> Iterator[Finding]:
    """Check whether the API runs here, and whether its settings let it start."""
    from core.api.security import refuse_open_door  # noqa: PLC0415 (a web framework, for this check alone)

    yield _server("API", settings.api_host, settings.api_port, "/healthz", "python -m core api")
    refuse_open_door(settings)


def dashboard(settings: Settings) -> Iterator[Finding]:
    """Check whether the dashboard runs here, and whether its settings let it start."""
    host, port = settings.dashboard_host, settings.dashboard_port
    yield _server("DASHBOARD", host, port, "/_stcore/health", "python -m dashboard")
    if settings.dashboard_proxy_user is not None:
        number_of(settings.dashboard_proxy_user)
    if settings.dashboard_sign_in == "proxy":
        proxied_roles(settings)
    elif settings.dashboard_sign_in == "none" and not is_loopback(host):
        text = f"DASHBOARD_HOST is {host}, but without sign-in the dashboard serves this machine only"
        yield Finding("dashboard", State.FAIL, text, "set it to 127.0.0.1, or set DASHBOARD_SIGN_IN=users")


def _server(variable: str, host: str, port: int, path: str, command: str) -> Finding:
    where = f"http://{address(host, port)}"
    name = "API" if variable == "API" else variable.lower()
    if answers(where + path):
        return Finding(name, State.OK, f"answers at {where}")
    try:
        check_free(variable, host, port)
    except UserError as error:
        return Finding(name, State.FAIL, str(error))
    return Finding(name, State.OFF, f"not running here; start it with {command}")
