"""The API as it is served, with the example among the sources: ``python -m tests.api.intake.server``."""

from types import MappingProxyType

from core.adapters import sources
from core.api.app import serve
from tests.hooks.example import EXAMPLE

if __name__ == "__main__":
    sources.SOURCES = MappingProxyType({**sources.SOURCES, "example": EXAMPLE})
    serve()
