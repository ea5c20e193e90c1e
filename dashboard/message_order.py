"""Have Streamlit send a part's messages in the order in which the browser can place them.

A part of a page (a fragment) may run again while messages of its last run still wait to be sent, as on a
busy machine. Streamlit 1.67 then drops that run's blocks, but neither the parts nested in them nor what it
sends as a reference: those arrive before the blocks they stand in, and an error takes the place of the page
("'setIn' cannot be called on an ElementNode"). All messages in their order are right as well: later ones
replace earlier ones.
"""

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

STREAMLITS_OWN = ForwardMsgQueue.clear


def keep() -> None:
    """Keep what waits when a part of the page runs again; what a run of the whole page drops, it drops."""
    ForwardMsgQueue.clear = _clear_for_whole_pages  # type: ignore[method-assign]


def _clear_for_whole_pages(
    self: ForwardMsgQueue,
    retain_lifecycle_msgs: bool = False,
    fragment_ids_this_run: list[str] | None = None,
) -> None:
    if fragment_ids_this_run:
        # What is sent from now on must not take the place of an earlier message.
        self._delta_index_map = {}
    else:
        STREAMLITS_OWN(self, retain_lifecycle_msgs, fragment_ids_this_run)
