"""Conversion: where does the funnel leak, when is the best time to call, what does a lead cost?"""

from dashboard.filters import Selection
from dashboard.panels import board_page, boards, kpi_tiles
from dashboard.panels.boards import ComparedBoard
from dashboard.panels.panel import grid


def draw(board: ComparedBoard, selection: Selection) -> None:
    """Draw key figures, then all panels, two per row."""
    kpi_tiles.key_figures(kpi_tiles.CONVERSION_CARDS, board.summary, board.before, selection)
    grid(board.panels[:2])
    grid(board.panels[2:], later=True)


board_page.show("conversion", boards.conversion_board, draw)
