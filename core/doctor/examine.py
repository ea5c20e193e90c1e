"""All checks, in the order in which one depends on another."""

from collections.abc import Callable, Iterable, Iterator

from core.doctor import (
    channels,
    computer,
    countries,
    encryption,
    exports,
    exposure,
    mongodb,
    retention,
    sources,
    work,
)
from core.doctor.result import Finding, State
from core.errors import UserError
from core.settings import get_settings
from core.storage import get_sync_database

Check = Callable[[], Iterable[Finding]]


def examine() -> Iterator[Finding]:
    """Run every check once; changes nothing and sends nothing."""
    settings = get_settings()
    yield from computer.configuration()
    yield from _safely("protection", lambda: exposure.exposure(settings))
    yield from computer.prices(settings)
    yield computer.data_folder(settings)
    yield computer.log_file(settings)
    reached = mongodb.server()
    yield reached
    yield from _safely("other stores", lambda: mongodb.other_stores(settings))
    yield from _safely("spool", computer.spool)
    if reached.state is not State.FAIL:
        database = get_sync_database()
        yield from _safely("restore", lambda: mongodb.unfinished_restore(database))
        yield from _safely("clock", lambda: [mongodb.clock(database)])
        yield from _safely("indexes", lambda: [mongodb.indexes(database)])
        yield from _safely("calls", lambda: [work.calls(database)])
        yield from _safely("encryption", lambda: encryption.encryption(database, settings))
        yield from _safely("webhooks", lambda: sources.webhooks(database, settings))
        yield from _safely("roll-ups", lambda: work.roll_ups(database))
        yield from _safely("archive", lambda: [work.archive(database)])
        yield from _safely("retention", lambda: retention.retention(database, settings))
        yield from _safely("scheduler", lambda: [work.scheduler(database)])
        yield from _safely("outbox", lambda: [work.outbox(database)])
        yield from _safely("alert rules", lambda: work.rules(database))
    yield from _safely("channels", lambda: channels.channels(settings))
    yield from exports.exports(settings)
    yield from _safely("countries", lambda: countries.countries(settings))
    yield from _safely("API", lambda: computer.api(settings))
    yield from _safely("dashboard", lambda: computer.dashboard(settings))


def _safely(name: str, check: Check) -> Iterator[Finding]:
    """Run one check; if it fails unexpectedly, report that and let the others run."""
    try:
        yield from check()
    except UserError as error:
        yield Finding(name, State.FAIL, str(error))
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
        yield Finding(name, State.FAIL, f"cannot be looked at ({type(error).__name__})")
