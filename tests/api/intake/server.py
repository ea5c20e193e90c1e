"""The API as it is served, with the example among the sources: ``python -m tests.api.intake.server``."""

from core.api.app import serve
from core.hooks import secrets
from tests.hooks.example import EXAMPLE

if __name__ == "__main__":
    secrets.SOURCES = {"example": EXAMPLE}
    serve()
