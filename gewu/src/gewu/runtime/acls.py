"""The brokers' access control lists, held to the table of grants. aiokafka has the requests, a grant at a time, and no client."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest,
)  # fmt: skip
from aiokafka.protocol.api import Request

from gewu.grants import Grant, Operation, Principals, Resource
from gewu.runtime import kafka as brokers
from gewu.runtime.settings import Kafka

_ANY, _LITERAL, _PREFIXED, _ALLOW = 1, 3, 4, 3
_NO_AUTHORIZER = 54
HEARD_S = 15.0
_EVERYBODY = "User:*"
_MAY_NOT = "this login may not see or change grants: take one of the brokers' super users"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One rule that allows something, as the brokers have it."""

    principal: str
    resource: int
    name: str
    operation: int
    pattern: int
    host: str = "*"

    @classmethod
    def of(cls, grant: Grant) -> "Entry":
        """The rule for a grant."""
        pattern = _PREFIXED if grant.prefixed else _LITERAL
        return cls(grant.principal, grant.resource, grant.name, grant.operation, pattern)

    def __str__(self) -> str:
        resource = _word(Resource, self.resource, "resource").lower()
        operation = Operation(self.operation).word if self.operation in {*Operation} else f"operation {self.operation}"
        name = f"{self.name}{'*' if self.pattern == _PREFIXED else ''}"
        return f"{self.principal} {operation} {resource} {name}" + (f" from {self.host}" if self.host != "*" else "")


@dataclass(frozen=True, slots=True)
class Standing:
    """missing, extra: of our logins; open: what every login may, which no grant of ours can take back."""

    missing: tuple[Entry, ...]
    extra: tuple[Entry, ...]
    open: tuple[Entry, ...]


class _Create(Request[CreateAclsRequest_v1]):
    API_KEY = 30

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = [
            (e.resource, e.name, e.pattern, e.principal, e.host, e.operation, _ALLOW) for e in entries
        ]  # fmt: skip

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._entries)


class _Delete(Request[DeleteAclsRequest_v1]):
    API_KEY = 31

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = [
            (e.resource, e.name, e.pattern, e.principal, e.host, e.operation, _ALLOW) for e in entries
        ]  # fmt: skip

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(self._entries)


async def compare(
    wanted: Collection[Grant], ours: Collection[str], principals: Principals, kafka: Kafka
) -> Standing | None:
    """How the brokers' rules differ from these grants; None where the brokers ask nobody who may do what.

    ours: principals that shall have these grants and no others, as shall every department's, be it in the package or not.
    """
    admin = await brokers.administrator(kafka)
    try:
        return await _compare(admin, wanted, ours, principals)
    finally:
        await admin.close()


async def apply(
    wanted: Collection[Grant], ours: Collection[str], principals: Principals, kafka: Kafka
) -> Standing | None:
    """Make what is missing and take back what is too much; returns what is left."""
    admin = await brokers.administrator(kafka)
    try:
        found = await _compare(admin, wanted, ours, principals)
        if found is None or not (found.missing or found.extra):
            return found
        if found.missing:
            _check(await admin._send_request(_Create(found.missing)))
        if found.extra:
            _check(await admin._send_request(_Delete(found.extra)))
        # A broker hears of its controller's rules in their turn, behind topics that were just made.
        until = asyncio.get_running_loop().time() + HEARD_S
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.1)
            left = await _compare(admin, wanted, ours, principals)
            if left is None or not (left.missing or left.extra):
                return left
        return await _compare(admin, wanted, ours, principals)
    finally:
        await admin.close()


async def _compare(
    admin: AIOKafkaAdminClient, wanted: Collection[Grant], ours: Collection[str], principals: Principals
) -> Standing | None:
    rules = await _rules(admin)
    if rules is None:
        return None
    right = {Entry.of(grant) for grant in wanted}
    mine = {e for e in rules if e.principal in ours or principals.is_departments(e.principal)}
    everybodys = {e for e in rules if e.principal == _EVERYBODY}
    return Standing(*(tuple(sorted(found)) for found in (right - rules, mine - right, everybodys)))


async def _rules(admin: AIOKafkaAdminClient) -> set[Entry] | None:
    """Every rule that allows something; None without an authorizer."""
    answer: Any = await admin._send_request(DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ALLOW))
    if answer.error_code == _NO_AUTHORIZER:
        return None
    if answer.error_code:
        raise for_code(answer.error_code)(_MAY_NOT)
    return {
        Entry(principal, resource, name, operation, pattern, host)
        for resource, name, pattern, rules in answer.resources
        for principal, host, operation, _ in rules
    }


def _check(answer: Any) -> None:
    """Raise the first error of an answer about many rules."""
    outcomes = answer.creation_responses if hasattr(answer, "creation_responses") else answer.filter_responses
    for code, text, *_ in outcomes:
        if code:
            raise for_code(code)(text or _MAY_NOT)


def _word(enum: Any, number: int, otherwise: str) -> str:
    return enum(number).name if number in {*enum} else f"{otherwise} {number}"
