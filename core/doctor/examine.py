"""All checks, in the order in which one thing relies on another."""

from collections.abc import Callable, Iterable, Iterator

from core.doctor import channels, machine, store, work
from core.doctor.findings import Finding, State
from core.errors import UserError
from core.settings import get_settings
from core.storage import get_sync_database

Check = Callable[[], Iterable[Finding]]


def examine() -> Iterator[Finding]:
    """Look at everything once; changes nothing and sends nothing."""
    settings = get_settings()
    yield from machine.configuration()
    yield machine.data_folder(settings)
    yield machine.log_file(settings)
    reached = store.server()
    yield reached
    yield from _safely("spool", machine.spool)
    if reached.state is not State.FAIL:
        database = get_sync_database()
        yield from _safely("clock", lambda: [store.clock(database)])
        yield from _safely("indexes", lambda: [store.indexes(database)])
        yield from _safely("calls", lambda: [work.calls(database)])
        yield from _safely("roll-ups", lambda: [work.roll_ups(database)])
        yield from _safely("archive", lambda: [work.archive(database)])
        yield from _safely("scheduler", lambda: [work.scheduler(database)])
        yield from _safely("outbox", lambda: [work.outbox(database)])
        yield from _safely("alert rules", lambda: work.rules(database))
    yield from channels.channels(settings)
    yield machine.api(settings)
    yield machine.dashboard(settings)


def _safely(name: str, check: Check) -> Iterator[Finding]:
    """One check that fails in a way of its own leaves the others their say."""
    try:
        yield from check()
    except UserError as error:
        yield Finding(name, State.FAIL, str(error))
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
        yield Finding(name, State.FAIL, f"cannot be looked at ({type(error).__name__})")
