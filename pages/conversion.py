"""Conversion: where does the funnel leak, when is it best to call, and what does a lead cost?"""

from dashboard import board_page, boards, parts
from dashboard.boards import Board
from dashboard.filters import Selection
from dashboard.panel import grid


def draw(board: Board, selection: Selection) -> None:
    """Key figures, then all panels, two a row."""
    parts.key_figures(parts.CONVERSION_CARDS, board.summary, board.before, selection)
    grid(board.panels)


board_page.show("conversion", boards.conversion, draw)
