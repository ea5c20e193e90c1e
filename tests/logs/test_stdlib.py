"""Whatever the stdlib's logging can do works, whether a LogRecord is made for it or not.

In processes of their own: pytest's own handlers would keep the shorter way from ever being taken.
"""

import json
from typing import Any

import pytest

from tests import forked

PREAMBLE = """
import logging, sys
from core.logs import logger as module
from core.logging_config import *
log = get_logger("api")
seen = []
class Seen(logging.Handler):
    def emit(self, record): seen.append(record)
def made():
    return [record.getMessage() for record in seen]
"""
CALLS = """
class Odd:
    def __repr__(self): raise RuntimeError
    __str__ = __repr__
class Loud:
    def __str__(self): log.info("from within"); return "loud"
def helper(**more): log.info("helped", stacklevel=2, **more)
def outer(): helper(); log.warning("own")
set_call_context(call_id="call_1")
items = [1]
log.info("plain")
log.debug("never")
log.info("%s and %d", "text", 5)
log.info("%(a)s", {"a": 1})
log.info("100% sure")
log.info("%d", "wrong")
log.info("%s", Odd())
log.info(Odd())
log.info("%s", Loud())
log.info("%s", items, extra={"items": items})
items.append(2)
log.info("taken", extra={"name": "n", "level": 1, "args": 2, "call_id": "other", "message": 3})
log.info("no extra", extra={})
log.info("odd extra", extra=5)
log.info("odd key", extra={(1, 2): 3})
log.log(25, "between")
outer()
log.info("deep", stacklevel=99)
logging.LoggerAdapter(log, {"who": "adapter"}).info("adapted")
try: 1 / 0
except ZeroDivisionError: log.exception("failed")
log.error("no exception", exc_info=True)
log.info("stack", stack_info=True)
get_logger("api.calls").info("nested name")
log.critical("phone 9876543210", extra={"phone": 9876543210})
flush()
"""


def run(code: str) -> list[dict[str, Any]]:
    done = forked.run(["-c", PREAMBLE + code], loaded=forked.LOGS)
    assert done.returncode == 0, done.stderr
    assert done.stderr in {"", "no\n"}  # the last resort of the stdlib
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_is_the_same_with_and_without_a_record_made_for_it() -> None:
    without, beside = run(CALLS), run("logging.getLogger().addHandler(logging.NullHandler())" + CALLS)
    for line in (*without, *beside):
        del line["timestamp"]
    assert without == beside
    assert len(without) == 24
    said = {line["message"]: line for line in without}
    assert said["helped"]["source"]["function"] == "outer"
    assert said["adapted"]["who"] == "adapter"
    assert said["[1]"]["items"] == [1]
    assert said["failed"]["exception"]["type"] == "ZeroDivisionError"
    assert said["phone [phone …3210]"]["phone"] == "[phone …3210]"
    assert said["between"]["level"] == "Level 25"


@pytest.mark.parametrize(
    "listen",
    [
        "logging.getLogger().addHandler(Seen())",
        "logging.getLogger('voice_agent').addHandler(Seen())",
        "log.addHandler(Seen())",
        "logging.getLogger().handlers = [Seen()]",
        "log.addFilter(lambda record: not seen.append(record))",
        "module.ComponentLogger.handler.addFilter(lambda record: not seen.append(record))",
        "logging.setLogRecordFactory(lambda *a, **k: [seen.append(r := logging.LogRecord(*a, **k)), r][1])",
        *(
            f"logging.Logger.{name} = lambda self, record, f=logging.Logger.{name}: "
            "[seen.append(record), f(self, record)]"
            for name in ("handle", "callHandlers")
        ),
    ],
)
def test_whoever_else_listens_gets_the_record_and_we_the_line(listen: str) -> None:
    lines = run(
        f"log.info('before')\n{listen}\nlog.info('%s', 1, extra={{'a': 2}})\nassert made() == ['1'], seen"
    )
    assert [line["message"] for line in lines] == ["before", "1"]
    assert lines[1]["a"] == 2


@pytest.mark.parametrize(
    "silence",
    [
        "log.propagate = False",
        "log.disabled = True",
        "logging.disable(logging.CRITICAL)",
        "log.setLevel('CRITICAL')",
        "log.addFilter(lambda record: False)",
        "module.ComponentLogger.handler.setLevel('CRITICAL')",
    ],
)
def test_what_the_stdlib_would_not_log_is_not_logged(silence: str) -> None:
    lines = run(f"{silence}\nlog.error('no')\nget_logger('speech').critical('yes')")
    assert [line["message"] for line in lines if line["message"] == "no"] == []


def test_what_is_masked_can_be_changed_in_the_middle_of_a_call() -> None:
    lines = run(
        "set_call_context(call_id='c', caller='9876543210')\nlog.info('LN12345678 9876543210')\nflush()\n"
        "setup_logging(mask_off=['phone'], mask_also={'loan': r'LN\\d{8}'})\n"
        "log.info('LN12345678 9876543210')"
    )
    assert [line["message"] for line in lines] == ["LN12345678 [phone …3210]", "[loan] 9876543210"]
    assert [line["caller"] for line in lines] == ["[phone …3210]", "9876543210"]


def test_what_python_warns_of_is_a_line_on_request() -> None:
    lines = run("import warnings\nsetup_logging(libraries=True)\nwarnings.warn('old, ring 9876543210')")
    assert [(line["component"], line["level"]) for line in lines] == [("py.warnings", "WARNING")]
    assert "9876543210" not in lines[0]["message"].split("\n")[0]


RESETS = (
    "logging.basicConfig(force=True, level='INFO', stream=io.StringIO())",
    "logging.getLogger().handlers = []",
    "logging.config.dictConfig({'version': 1, 'root': {'handlers': []}})",
    "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True})",
    "logging.config.fileConfig(io.StringIO(INI))",
    "logging.config.dictConfig({'version': 1, 'loggers': {'other': {'level': 'INFO'}}})",
)
INI = """
import io, logging.config
logging.raiseExceptions = False
INI = "[loggers]\\nkeys=root\\n[handlers]\\nkeys=\\n[formatters]\\nkeys=\\n[logger_root]\\nhandlers=\\n"
speech = get_logger("speech.deep")
"""


@pytest.mark.parametrize("libraries", [False, True])
@pytest.mark.parametrize("reset", RESETS)
def test_whoever_configures_logging_anew_does_not_silence_ours(reset: str, libraries: bool) -> None:
    """Each line comes once, whether the logger was there before or not."""
    code = f"setup_logging(libraries={libraries})\nlog.info('before'){INI}"
    lines = run(
        f"{code}{reset}\nlog.info('after')\nspeech.error('too')\nget_logger('new').info('9876543210')"
    )
    assert [line["message"] for line in lines] == ["before", "after", "too", "[phone …3210]"]


def test_a_logger_that_its_program_disables_stays_so() -> None:
    """By its attribute, or by a configuration that names it."""
    lines = run(
        "import logging.config\nlog.disabled = True\nlogging.config.dictConfig({'version': 1})\n"
        "log.error('no')\nlog.disabled = False\nlog.error('yes')"
    )
    assert [line["message"] for line in lines] == ["yes"]


FOREIGN = """
import io
out = io.StringIO()
class Own(logging.Handler):
    def emit(self, record):
        own = logging.Formatter()
        parts = [own.format(record), str(record.args), str(record.__dict__), str(record.stack_info)]
        if record.exc_info:
            parts += [str(record.exc_info[1]), repr(record.exc_info[1]), str(record.exc_info[1].__cause__)]
        out.write("\\n".join(parts) + "\\n")
number = int("9" + "840117362")
class OddError(Exception):
    def __new__(cls, lead): return super().__new__(cls, lead)
"""
WAYS_OUT = (
    "logging.getLogger().addHandler(Own())",
    "logging.getLogger('voice_agent').addHandler(Own())",
    "log.addHandler(Own())",
    "f = logging.Logger.callHandlers; logging.Logger.callHandlers = lambda s, r: (Own().emit(r), f(s, r))[1]",
)
SAID = """
log.info("lead %s answered", number, extra={"phone": number, "by": {str(number): [number]}, "n": 3})
log.info(f"lead {number}")
log.info("pass%s=%s", "word", "Mango-4471")
log.warning(ValueError(number), stack_info=True)
for kind in (ValueError, KeyError, OSError, OddError):
    try:
        try: raise RuntimeError(f"cause {number}")
        except RuntimeError as error: raise kind(f"lead {number}") from error
    except Exception: log.exception("failed")
assert str(number) not in out.getvalue() and "Mango" not in out.getvalue(), out.getvalue()
assert out.getvalue().count("[phone …7362]") > 20
assert "lead [phone …7362] answered" in out.getvalue() and "KeyError" in out.getvalue()
"""


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_handlers_of_others_get_the_record_masked(way_out: str) -> None:
    """In its message, arguments, extras and exception, while our line stays what it is."""
    lines = run(f"{FOREIGN}{way_out}{SAID}")
    assert [line["exception"]["type"].rpartition(".")[2] for line in lines[-4:]] == [
        "ValueError", "KeyError", "OSError", "OddError",
    ]  # fmt: skip
    assert lines[0]["n"] == 3


PLAIN_LOGGERS = (
    "log.getChild('child')",
    "logging.getLogger('voice_agent.api.child')",
    "logging.getLogger('voice_agent')",
    "logging.getLogger('voice_agent.theirs'); get_logger('theirs')",
)


@pytest.mark.parametrize("plain", PLAIN_LOGGERS)
@pytest.mark.parametrize("way_out", WAYS_OUT[:2])
def test_a_logger_made_by_the_stdlib_below_ours_is_masked_for_others_too(plain: str, way_out: str) -> None:
    """It is a plain one, but what it logs is the agent's all the same."""
    lines = run(f"{FOREIGN}{way_out}\nlog = {plain}{SAID}")
    assert lines[0]["n"] == 3
    assert lines[0]["message"] == "lead [phone …7362] answered"


def test_a_handler_of_others_gets_clean_arguments_as_they_are() -> None:
    """Tools that group events by their template, and formatters that count on a type, go on working."""
    lines = run(
        "from datetime import date\nlogging.getLogger().addHandler(Seen())\nday = date(2026, 11, 20)\n"
        "log.info('%s of %d', 'one', 5, extra={'day': day})\n"
        "assert (seen[0].msg, seen[0].args, seen[0].day) == ('%s of %d', ('one', 5), day)"
    )
    assert lines[0]["day"] == "2026-11-20"


def test_loggers_that_others_make_at_the_same_time_are_of_their_own_class() -> None:
    """An application whose class has a method of its own would find it missing, now and then."""
    run(
        "import threading\nclass Theirs(logging.Logger): pass\nlogging.setLoggerClass(Theirs)\n"
        "def ours():\n    for n in range(20_000): get_logger(f'ours {n}')\n"
        "threading.Thread(target=ours, daemon=True).start()\n"
        "made = {type(logging.getLogger(f'theirs.{n}')) for n in range(20_000)}\n"
        "assert made == {Theirs}, made"
    )
