"""The examples of docs/ingestion.md and docs/webhooks.md, as a reader pastes them."""

import os
import re
import subprocess

import orjson
import pytest
from pymongo.database import Database

from core.types import Document
from tests.api.intake.conftest import SECRET, SENDING
from tests.api.intake.receiver import ROOT, Receiver


@pytest.mark.full
def test_every_example_is_taken(receiver: Receiver, database: Database[Document]) -> None:
    """Word for word, in their order."""
    texts = [(ROOT / "docs" / name).read_text() for name in ("ingestion.md", "webhooks.md")]
    examples = [example for text in texts for example in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)]
    given = {"API": f"http://127.0.0.1:{receiver.port}", "KEY": SENDING, "SECRET": SECRET}
    for example in examples:
        done = subprocess.run(
            ["bash", "-euc", example], env=os.environ | given, capture_output=True, timeout=30, check=False
        )
        answer = orjson.loads(done.stdout or b"{}")
        taken = answer.get("accepted", 0) > 0 and answer["refused"] == []
        assert taken or answer.get("outcome") == "stored", (example, done.stdout, done.stderr)
    assert len(examples) == 6
    call = database["calls"].find_one({"_id": "call_123"})
    assert call is not None
    assert (call["ring_seconds"], call["cost"]["telephony"], call["cost"]["llm"]) == (7, 0.9, 1.1)
