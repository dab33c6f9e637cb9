"""Arrays of a statement: asyncpg asks every element whether it is an array itself, by two abstract classes.

A batch hands over more than a hundred elements a report, and the asking took as long as putting them on the wire. Who makes
an array of anything uses a list, a tuple or a set, and that is asked in no time.
"""

from asyncpg.protocol import protocol


def install() -> None:
    """Have asyncpg take lists, tuples and sets for arrays, and nothing else; harmless when done again."""
    protocol.IterableABC = (list, tuple, set, frozenset)
