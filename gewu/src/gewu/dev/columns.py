"""Text in columns where a Chinese character takes two places."""

import unicodedata


def width(text: str) -> int:
    """How many places of a terminal it takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def right(text: str, places: int) -> str:
    """Filled with blanks from the left."""
    return " " * max(0, places - width(text)) + text


def left(text: str, places: int) -> str:
    """Filled with blanks from the right."""
    return text + " " * max(0, places - width(text))


def fitting(parts: list[str], places: int, between: str = "  ") -> str:
    """As many of the parts, from the first, as fit whole into so many places."""
    line = ""
    for part in parts:
        longer = f"{line}{between}{part}" if line else part
        if width(longer) > places:
            break
        line = longer
    return line
