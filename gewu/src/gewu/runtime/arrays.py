"""Arrays of a statement: asyncpg asks every element whether it is an array itself, by two abstract classes.

A batch hands over more than a hundred elements a report, and the asking took as long as putting them on the wire. What
this process sends as an array is a list or a tuple, never another container, and that is asked in no time.
"""

from asyncpg.protocol import protocol


def install() -> None:
    """Have asyncpg take lists and tuples for arrays, and nothing else; harmless when done again."""
    protocol.IterableABC = (list, tuple)
