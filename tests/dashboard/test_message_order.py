"""A part that runs again while its messages wait: the browser gets each block before what stands in it."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from dashboard import message_order

PART, INNER = "part", "inner"


@pytest.fixture(autouse=True)
def by_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardMsgQueue, "clear", message_order.STREAMLITS_OWN)


def block(*path: int, part: str = PART) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.delta.fragment_id = part
    message.delta.add_block.allow_empty = True
    return message


def reference(*path: int) -> ForwardMsg:
    """A chart that the browser has already, so that only its hash is sent."""
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.ref_hash = "hash"
    return message


def waiting() -> ForwardMsgQueue:
    """A part in the first run of its page: a block with a chart, and one with a part of its own."""
    queue = ForwardMsgQueue()
    for message in (block(0, 1), block(0, 1, 0), reference(0, 1, 0, 0), block(0, 1, 0, 1, part=INNER)):
        queue.enqueue(message)
    return queue


def orphans(queue: ForwardMsgQueue) -> list[tuple[int, ...]]:
    """Return the places of messages that are sent before the block they stand in."""
    there: set[tuple[int, ...]] = {(0,)}
    found = []
    for message in queue.flush():
        path = tuple(message.metadata.delta_path)
        if path[:-1] not in there:
            found.append(path)
        if message.HasField("delta") and message.delta.WhichOneof("type") == "add_block":
            there.add(path)
    return found


def test_a_part_that_runs_again_orphans_nothing() -> None:
    message_order.keep()
    queue = waiting()
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[PART])
    for message in (block(0, 1), block(0, 1, 0), reference(0, 1, 0, 0)):
        queue.enqueue(message)
    assert orphans(queue) == []


def test_a_whole_page_that_runs_again_drops_what_waits() -> None:
    message_order.keep()
    queue = waiting()
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=None)
    assert queue.is_empty()


def test_streamlit_needs_it_still() -> None:
    """Once this fails, dashboard/message_order.py can go."""
    queue = waiting()
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[PART])
    assert orphans(queue) == [(0, 1, 0, 0), (0, 1, 0, 1)]
