"""The application as it is served on the loopback address without keys."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.api.app import create_app
from core.api.security import this_machine
from core.types import Document


@pytest.fixture
def client(database: Database[Document]) -> Iterator[TestClient]:
    with from_this_machine() as client:
        yield client


def from_this_machine(
    server: str = "http://127.0.0.1", client: tuple[str, int] = ("127.0.0.1", 50_000)
) -> TestClient:
    """A client of the application as it is served on the loopback address without keys."""
    return TestClient(create_app(this_machine), base_url=server, client=client)
