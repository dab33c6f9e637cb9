"""Who may do what on the brokers: derived from the registry of topics, and made by `gewu topics apply`.

Nobody else may do anything; operators' logins are the brokers' super users. The numbers are Kafka's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from gewu.topics import DEPARTMENT_ID, Topic, group_prefix

_DEPARTMENT = "department:"


class Resource(IntEnum):
    """What a grant is about."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What may be done to it."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10

    @property
    def word(self) -> str:
        """As Kafka's documentation has it: DescribeConfigs."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One right. prefixed: for every name that begins with `name`."""

    principal: str
    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        return f"{self.principal} {self.operation.word} {self.resource.name.lower()} {self.name}{'*' * self.prefixed}"


@dataclass(frozen=True, slots=True)
class Principals:
    """What the brokers call our logins: patterns with {service} and {department}."""

    service: str = "User:gewu-{service}"
    department: str = "User:department-{department}"

    def __post_init__(self) -> None:
        for pattern, place in ((self.service, "{service}"), (self.department, "{department}")):
            if pattern.count(place) != 1 or not re.match(r"\w+:", pattern):
                raise ValueError(f"{pattern!r} must look like User:…{place}…")

    def of(self, role: str) -> str:
        """The principal of a service, or of a department as department:<id>."""
        if role.startswith(_DEPARTMENT):
            return self.department.replace("{department}", role.removeprefix(_DEPARTMENT))
        return self.service.replace("{service}", role)

    def is_departments(self, principal: str) -> bool:
        """Whether a department's login would be called so, be it one of the package or not."""
        before, _, after = self.department.partition("{department}")
        return bool(re.fullmatch(re.escape(before) + DEPARTMENT_ID.pattern + re.escape(after), principal))


def table(registry: Iterable[Topic], principals: Principals) -> tuple[Grant, ...]:
    """Every grant that there shall be, sorted."""
    return tuple(sorted(set(_grants([*registry], principals))))


def principals_of(registry: Iterable[Topic], principals: Principals) -> frozenset[str]:
    """The logins of every service and department that says or hears something."""
    return frozenset(principals.of(role) for topic in registry for role in _roles((*topic.says, *topic.hears)))


def _grants(registry: list[Topic], principals: Principals) -> Iterator[Grant]:
    for topic in registry:
        for operation, roles in ((Operation.WRITE, topic.says), (Operation.READ, topic.hears)):
            for role in _roles(roles):
                for allowed in (operation, *_looks(role)):
                    yield Grant(principals.of(role), Resource.TOPIC, topic.name, allowed)
    for role in {role for topic in registry for role in _roles(topic.hears)}:
        for operation in (Operation.READ, Operation.DESCRIBE):
            yield Grant(principals.of(role), Resource.GROUP, group_prefix(role), operation, prefixed=True)


def _looks(role: str) -> tuple[Operation, ...]:
    """A service also holds its topics' settings against the registry before it starts."""
    return (Operation.DESCRIBE,) if role.startswith(_DEPARTMENT) else (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)


def _roles(names: Iterable[str]) -> Iterator[str]:
    """Those that have a login of their own; a command such as `gewu parked` runs under an operator's."""
    return (name for name in names if " " not in name)
