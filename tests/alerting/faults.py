"""Faults seeded into the engine: a module with one expression changed takes the place of the sound one."""

import inspect
from dataclasses import dataclass
from types import FunctionType, ModuleType

import pytest


@dataclass(frozen=True)
class Fault:
    """A slip that a programmer might make: in this module, this written as that."""

    name: str
    module: ModuleType
    sound: str
    faulty: str


def install(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Let the module's functions and methods be those of its faulty source, for the rest of the test."""
    source = inspect.getsource(fault.module)
    assert source.count(fault.sound) == 1, f"{fault.sound!r} is there {source.count(fault.sound)} times"
    mutant = ModuleType(fault.module.__name__)
    exec(compile(source.replace(fault.sound, fault.faulty), fault.module.__name__, "exec"), mutant.__dict__)  # noqa: S102 (our own source)
    for name, value in vars(mutant).items():
        if isinstance(value, FunctionType) and value.__module__ == fault.module.__name__:
            monkeypatch.setattr(fault.module, name, value)
        elif isinstance(value, type) and value.__module__ == fault.module.__name__:
            _methods(monkeypatch, getattr(fault.module, name), value)


def _methods(monkeypatch: pytest.MonkeyPatch, sound: type, faulty: type) -> None:
    for name, value in vars(faulty).items():
        if isinstance(value, FunctionType) and not name.startswith("__"):
            monkeypatch.setattr(sound, name, value)
