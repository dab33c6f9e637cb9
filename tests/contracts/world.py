"""The messages of the wire: which example belongs to which, and walks over their descriptors."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.json_format import Parse
from google.protobuf.message import Message

from gewu import codec
from gewu.v1 import action_pb2, assignment_pb2, case_pb2, common_pb2, signal_pb2

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).with_name("examples")
FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR for module in (action_pb2, assignment_pb2, case_pb2, common_pb2, signal_pb2)
)

# The message behind each CloudEvents type; an example's file is named after its type, and may name a variant of it.
MESSAGES: dict[str, type[Message]] = {
    codec.SIGNAL_REPORT: signal_pb2.Signal,
    codec.SIGNAL_READING: signal_pb2.Signal,
    codec.SIGNAL_DETECTION: signal_pb2.Signal,
    codec.SIGNAL_FAULT: signal_pb2.Signal,
    codec.RULE_SUSPENDED: signal_pb2.RuleSuspended,
    codec.CASE_CHANGED: case_pb2.CaseChanged,
    codec.ASSIGNMENT: assignment_pb2.Assignment,
    codec.ASSIGNMENT_EXERCISE: assignment_pb2.Assignment,
    codec.ACTION: action_pb2.Action,
    codec.ACTION_REFUSED: action_pb2.ActionRefused,
    # These stand on no topic: they travel only inside a sealed box.
    "gewu.v1.contact": common_pb2.Contact,
    "gewu.v1.plate": signal_pb2.Plate,
}


def ce_types() -> set[str]:
    """Every CloudEvents type that the codec knows."""
    return {v for v in vars(codec).values() if isinstance(v, str) and v.startswith("gewu.v1.")}


def examples() -> list[Path]:
    """Every example."""
    return sorted(EXAMPLES.glob("*.json"))


def type_of(example: Path) -> str:
    """The type that an example's name says: the longest that it begins with."""
    said = f"gewu.v1.{example.stem}"
    return max((t for t in MESSAGES if f"{said}.".startswith(f"{t}.")), key=len)


def read(example: Path) -> Message:
    """The message of an example."""
    return Parse(example.read_text(), MESSAGES[type_of(example)]())


def reachable(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Every field that a message of this kind can carry, at any depth."""
    seen, todo = {message.full_name}, [message]
    while todo:
        for field in todo.pop().fields:
            yield field
            inner = field.message_type
            if inner and inner.full_name not in seen:
                seen.add(inner.full_name)
                todo.append(inner)


def set_fields(message: Message) -> Iterator[str]:
    """Full names of the fields that are set in this message, at any depth."""
    for field, value in message.ListFields():
        yield field.full_name
        if field.message_type:
            for inner in value if field.is_repeated else (value,):
                yield from set_fields(inner)
