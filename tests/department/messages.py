"""Requests that the client library does not have, put together from Kafka's own descriptions of its messages."""

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, CompactString, Int16, Int32, Schema, String

TEXT = String("utf-8")
COMPACT = CompactString("utf-8")
FIRST_ERROR = Schema(("throttle", Int32), ("error_code", Int16))  # what follows is left unread


def codes(answer: Response) -> set[int]:
    """Every error code in an answer, however deep."""
    return set(_codes(answer.SCHEMA, [answer.get_item(name) for name in answer.SCHEMA.names]))


def _codes(schema: Schema, values: Sequence[Any]) -> Iterator[int]:
    for name, kind, value in zip(schema.names, schema.fields, values, strict=False):
        if "error_code" in name and isinstance(value, int):
            yield value
        elif isinstance(kind, Array) and isinstance(kind.array_of, Schema):
            for inner in value or ():
                yield from _codes(kind.array_of, inner)


def made(key: int, version: int, asks: Schema, answers: Schema, *words: Any, flexible: bool = False) -> Request[Any]:
    """A request that the client library does not have."""

    class Answer(Response):
        API_KEY, API_VERSION, SCHEMA = key, version, answers

    class Ask(RequestStruct):
        API_KEY, API_VERSION, RESPONSE_TYPE, SCHEMA, FLEXIBLE_VERSION = key, version, Answer, asks, flexible

    class Made(Request[Ask]):
        API_KEY = key

        def build(self, request_struct_class: type[Ask]) -> Ask:
            return request_struct_class(*words)

    return Made()


def flexible(key: int, version: int, asks: Schema, answers: Schema, *words: Any) -> Request[Any]:
    return made(key, version, asks, answers, *words, flexible=True)
