"""A parked record for people: headers, bytes in hex, and the message that they hold where they hold one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gewu import codec, topics

if TYPE_CHECKING:
    from gewu.runtime.parking import Parked

_ROW = 16


def lines(entry: "Parked") -> Iterator[str]:
    """Everything about a record's content, for a terminal."""
    yield f"headers ({len(entry.headers)})"
    for name, value in entry.headers:
        yield f"  {name}: {_text(value)}"
    yield from _bytes("key", entry.key)
    left = list(_bytes("value", entry.value))
    message = _message(entry)
    right = ["", *_pretty(message)] if message is not None else ["", "(no message of ours decodes from it)"]
    width = max(map(len, left)) + 3
    for i in range(max(len(left), len(right))):
        yield f"{left[i] if i < len(left) else '':<{width}}{right[i] if i < len(right) else ''}".rstrip()


def as_json(entry: "Parked") -> dict[str, Any]:
    """The same for a machine: bytes in hex, null where there are none."""
    return {
        "headers": [[name, None if value is None else value.hex()] for name, value in entry.headers],
        "key_hex": None if entry.key is None else entry.key.hex(),
        "value_hex": None if entry.value is None else entry.value.hex(),
        "message": _message(entry),
    }


def _message(entry: "Parked") -> dict[str, Any] | None:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    from gewu.v1.action_pb2 import Action
    from gewu.v1.signal_pb2 import Signal

    # By its type, and where that is missing or wrong (which may be why it was parked) by what belongs on its topic.
    type_ = codec.type_of(entry.headers)
    is_action = type_ == codec.ACTION or topics.is_departments(entry.topic)
    try:
        message = (Action if is_action else Signal).FromString(entry.value or b"")
        return MessageToDict(message, preserving_proto_field_name=True) if entry.value else None
    except (DecodeError, ValueError):  # ValueError: a timestamp that no calendar has
        return None


def _pretty(message: dict[str, Any]) -> list[str]:
    import json

    return json.dumps(message, ensure_ascii=False, indent=2).splitlines()


def _text(value: bytes | None) -> str:
    if value is None:
        return "null"
    text = value.decode("utf-8", "replace")
    return text if text.isprintable() and "�" not in text else f"0x{value.hex()}"


def _bytes(name: str, value: bytes | None) -> Iterator[str]:
    yield f"{name}: {'null' if value is None else f'{len(value)} bytes'}"
    for at in range(0, len(value or b""), _ROW):
        row = (value or b"")[at : at + _ROW]
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        yield f"  {at:06x}  {row.hex(' '):<{_ROW * 3 - 1}}  {shown}"
