"""Personal data stays out: no event of a case and no metric has a place for it. Each walk has been seen to find."""

import re

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from prometheus_client import CollectorRegistry, Counter

from gewu.v1 import action_pb2, assignment_pb2, case_pb2, common_pb2, signal_pb2
from tests.contracts import world
from tests.support import catalogue

# Whole words of a field's name. `note` is the department's own word, said to the departments.
PERSONAL = re.compile(
    r"(^|_)(contact|reporter|name|phone|mobile|email|mail|address|text|words|source|client|box|person|people|user|owner)(_|$)"
)
PUBLIC = [case_pb2.Case, case_pb2.CaseChanged, assignment_pb2.Assignment]
LABELS = {*catalogue.LABELS, "le"}


def personal_fields(message: Descriptor) -> list[str]:
    """Fields, at any depth, that could hold a reporter's contact, words or place."""
    kinds = {
        f"gewu.v1.{k}" for k in ("Contact", "SealedContact", "Plate", "SealedPlate", "Signal", "Report", "Detection")
    }
    return [
        f.full_name
        for f in world.reachable(message)
        if PERSONAL.search(f.name) or (f.message_type and f.message_type.full_name in kinds)
    ]


def personal_labels(registry: CollectorRegistry) -> list[str]:
    """Labels of this registry's metrics that are on no list of harmless ones, or that name something personal."""
    return [
        f"{getattr(c, '_name', c)}: {label}"
        for c in set(registry._collector_to_names)
        for label in getattr(c, "_labelnames", ())
        if label not in LABELS or PERSONAL.search(label)
    ]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda k: k.DESCRIPTOR.name)
def test_no_event_of_a_case_has_a_place_for_a_reporter(kind: type) -> None:
    assert len(list(world.reachable(kind.DESCRIPTOR))) > 15, "the walk went nowhere"
    assert personal_fields(kind.DESCRIPTOR) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"name": "reporter_name"}, {"name": "said_address"}, {"name": "text"}, {"name": "client_id"},
        {"name": "how", "type_name": ".gewu.v1.SealedContact"}, {"name": "first", "type_name": ".gewu.v1.Signal"},
    ],
    ids=lambda p: p["name"],
)  # fmt: skip
def test_a_personal_field_deep_inside_an_event_is_found(planted: dict[str, str]) -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in (common_pb2, signal_pb2):
        _with_imports(pool, file.DESCRIPTOR)
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    file.dependency.extend([common_pb2.DESCRIPTOR.name, signal_pb2.DESCRIPTOR.name])
    for name, field in (("Routing", planted), ("Case", {"name": "routing", "type_name": ".t.Routing"})):
        made = descriptor_pb2.FieldDescriptorProto(number=9, label=1, type=11 if "type_name" in field else 9, **field)
        file.message_type.append(descriptor_pb2.DescriptorProto(name=name, field=[made]))
    pool.Add(file)
    assert f"t.Routing.{planted['name']}" in personal_fields(pool.FindMessageTypeByName("t.Case"))


def _with_imports(pool: descriptor_pool.DescriptorPool, file: object) -> None:
    for dependency in file.dependencies:
        _with_imports(pool, dependency)
    said = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(said)
    pool.Add(said)


def test_a_contact_is_reachable_from_nothing() -> None:
    assert _holders("gewu.v1.Contact") == [], "a contact travels only as the bytes of a sealed box"


def test_a_plate_is_reachable_from_nothing_and_its_box_from_detections_alone() -> None:
    assert _holders("gewu.v1.Plate") == [] and _holders("gewu.v1.SealedPlate") == ["gewu.v1.Detection.plate"]


def test_a_sealed_box_is_reachable_from_reports_alone() -> None:
    assert _holders("gewu.v1.SealedContact") == ["gewu.v1.Report.contact"], "which also shows that the walk finds"


def test_nothing_but_a_signal_holds_a_reporters_words() -> None:
    for kind in (action_pb2.Action, action_pb2.ActionRefused):
        assert {n.rpartition(".")[2] for n in personal_fields(kind.DESCRIPTOR)} <= {"client_id"}, (
            "the department's own id"
        )
    assert {"gewu.v1.Signal.address", "gewu.v1.Report.text"} <= set(personal_fields(signal_pb2.Signal.DESCRIPTOR))


def _holders(kind: str) -> list[str]:
    """Every field of every contract that is of this kind."""
    messages = [m for file in world.FILES for m in file.message_types_by_name.values()]
    for message in messages:
        messages.extend(message.nested_types)
    return [f.full_name for m in messages for f in m.fields if f.message_type and f.message_type.full_name == kind]


@pytest.mark.parametrize("service", catalogue.SERVICES)
def test_no_metric_has_a_label_that_could_name_a_person(service: str) -> None:
    registry = catalogue.registry(service)
    assert len(registry._collector_to_names) > (5 if service == "canary" else 15)
    assert personal_labels(registry) == []


@pytest.mark.parametrize("label", ["phone", "source", "client_id", "reporter", "signal_id", "key"])
def test_a_metric_with_such_a_label_is_found(label: str) -> None:
    registry = catalogue.registry("dispatch")
    Counter("gewu_planted", "x", ["topic", label], registry=registry)
    assert personal_labels(registry) == [f"gewu_planted: {label}"]


async def test_no_metric_of_a_running_service_has_a_label_that_is_on_no_list(stack: object) -> None:
    import aiohttp
    from prometheus_client.parser import text_string_to_metric_families

    async with aiohttp.ClientSession() as session:
        for url in (stack.intake_url, stack.dispatch_url):
            async with session.get(f"{url}/metrics") as answer:
                families = list(text_string_to_metric_families(await answer.text()))
            assert len(families) > 5
            assert {label for f in families for s in f.samples for label in s.labels} <= LABELS
