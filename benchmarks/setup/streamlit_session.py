"""A Streamlit session without a browser: requests a script run and waits for its end."""

import time
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

END_SECONDS = 60.0


class Session:
    """One reader's connection, with the query string of a link."""

    def __init__(self, port: int, query: str = "") -> None:
        self._query = query
        self._socket: ClientConnection = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            origin=Origin(f"http://127.0.0.1:{port}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def run(self, page: str = "") -> float:
        """Return the seconds from requesting a full run to the script's end.

        Raises:
            TimeoutError: the script does not end within a minute.
        """
        request = BackMsg()
        request.rerun_script.query_string = self._query
        request.rerun_script.page_name = page
        started = time.perf_counter()
        self._socket.send(request.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(self._socket.recv(timeout=END_SECONDS, decode=False))
            if answer.WhichOneof("type") == "script_finished":
                return time.perf_counter() - started
