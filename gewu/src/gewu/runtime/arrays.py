"""Arrays of a statement: asyncpg asks every element whether it is an array itself, by two abstract classes.

A batch hands over some eighty elements a report, and the asking took as long as putting them on the wire. Every array of
ours is a list, and that is asked in no time: of three more types it would take half as long again.
"""

from asyncpg.protocol import protocol


def install() -> None:
    """Have asyncpg take lists for arrays, and nothing else; harmless when done again."""
    protocol.IterableABC = list
