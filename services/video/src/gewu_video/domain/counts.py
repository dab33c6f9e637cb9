"""Plates that nobody asked for: a count in a bucket of a quarter of an hour, told when the bucket is over.

A finer count would say when a single car passed.
"""

from gewu.clock import SECOND

BUCKET_S = 900


class Buckets:
    """Counts by camera. What is told is told late and whole; an unfinished bucket dies with its process."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, int]] = {}  # its number, and the count in it

    def add(self, camera: str, now: int, count: int) -> int:
        """Count more at this time (microseconds); gives what the bucket that ended by then had, or 0."""
        number = now // (BUCKET_S * SECOND)
        was, had = self._open.get(camera, (number, 0))
        if was == number:
            self._open[camera] = number, had + count
            return 0
        self._open[camera] = number, count
        return had
