"""Header names that are not UTF-8: aiokafka unpacks them strictly, and one such record would stop its whole partition.

Any client may write any bytes there and the broker takes them, so they are a record's fault, not a batch's. Where the
strict unpacking fails, the batch is read again with such names escaped, and the record goes the way of every other one.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from gewu.runtime.record import Records


def install() -> None:
    """Have every consumer of this process unpack this way, into our `Record`; harmless when done again."""
    fetcher.MemoryRecords = LenientRecords
    fetcher.PartitionRecords = Records


class LenientRecords(_MemoryRecordsPy):
    """The batches of one fetch. Cutting them apart costs little in Python; their records are still read in C."""

    def next_batch(self, *words: Any) -> Any:
        """The next batch, or None after the last."""
        piece = self._next_slice
        batch = super().next_batch(*words)
        return batch if batch is None else _Batch(batch, piece)


class _Batch:
    """A batch as the library made it, except for how it goes on after a name that cannot be decoded."""

    def __init__(self, batch: Any, piece: Any) -> None:
        self._batch, self._piece = batch, piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # a transaction's marker is read this way

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            for n, record in enumerate(_Escaping(self._piece)):
                if n >= read:
                    yield record


class _Escaping(_DefaultRecordBatchPy):
    """The library's own unpacking in Python, over bytes that decode anything."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)


class _Bytes(bytearray):
    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Bytes(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")
