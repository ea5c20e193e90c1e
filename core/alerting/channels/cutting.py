"""Texts in the length that their receiver takes; what is cut off is said."""

_CUT = " … (cut)"


def length(text: str) -> int:
    """Length in UTF-16 units, the most that any service counts a text as, but for those that count bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int, mark: str = _CUT) -> str:
    """A text of at most so many UTF-16 units; one that is longer ends with a mark."""
    if length(text) <= most:
        return text
    left = max(most - length(mark), 0)
    kept = text[:left]
    if length(kept) > left:
        kept = kept.encode("utf-16-le", "surrogatepass")[: 2 * left].decode("utf-16-le", "ignore")
    return (kept.rstrip() + mark)[:most]
