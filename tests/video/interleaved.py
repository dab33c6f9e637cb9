"""RTSP with its packets on the same connection (RFC 2326, 10.12), as far as one must know it to take the pictures out."""

_HEAD = 4
_PICTURES = 0  # the channel of the stream that a client sets up first


class Interleaved:
    """What a server says, whole packet by whole packet."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def through(self, data: bytes, *, blind: bool) -> bytes:
        """What can be passed on by now; blind: without the packets of pictures, with those of sound."""
        self._rest += data
        passed = bytearray()
        while size := self._size():
            unit, self._rest = self._rest[:size], self._rest[size:]
            if not (blind and unit[:1] == b"$" and unit[1] == _PICTURES):
                passed += unit
        return bytes(passed)

    def _size(self) -> int:
        """Bytes of the packet or answer that stands first; 0 while it is not whole."""
        rest = self._rest
        if rest[:1] == b"$":
            size = _HEAD + int.from_bytes(rest[2:4]) if len(rest) >= _HEAD else 0
        else:
            end = rest.find(b"\r\n\r\n") + 4
            lines = bytes(rest[:end]).lower().split(b"\r\n") if end > 3 else []
            body = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            size = end + body if lines else 0
        return size if size <= len(rest) else 0
