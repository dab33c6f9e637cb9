"""Bytes to a report: whatever stands in a body, the answer is a report or the list of all that is wrong with it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.lane import Lane
from gewu.runtime.problem import Wrong
from gewu_intake import parse, wire
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid, Strict, Terms, accept, seen
from tests.support.building import NOW, a_report


def wrong(body: Any) -> list[tuple[str, str]]:
    """Field and code of everything that is wrong with a body; none when it is taken."""
    found = parse.report(body if isinstance(body, bytes) else json.dumps(body).encode())
    return sorted((w.field, w.code) for w in found) if isinstance(found, list) else []


def test_a_whole_report_is_read_as_it_was_said() -> None:
    found = parse.report(
        b"""{"id": "0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f", "category": "manhole", "text": "gone", "object_id": "T1",
        "place": {"lon": 83, "lat": 39.5, "accuracy_m": 7.5, "address": "no. 7"}, "observed_at": "2026-03-04T10:00:00Z",
        "contact": {"name": "Li", "phone": "1", "email": "x@y"}, "exercise": true}"""
    )
    assert found == ReportSaid(
        category="manhole", place=PlaceSaid(83.0, 39.5, 7.5, "no. 7"), text="gone", object_id="T1", observed_at=NOW,
        id="0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f", contact=ContactSaid("Li", "1", "x@y"), exercise=True,
    )  # fmt: skip


def test_a_category_is_all_that_a_report_needs() -> None:
    assert parse.report(b'{"category": "x"}') == ReportSaid(category="x")


_BODIES = [
    b'{"category": "x"}', b'{"category": "x", "id": "a.B_1:-"}', b'{"category": "x", "id": "a b"}', b"{}", b"not JSON",
    b'{"category": "x", "id": ""}', b'{"category": "x", "id": null}', b'{"category": "x", "id": "\xe4\xba\x95"}',
    b'{"category": "x", "id": "%b"}' % (b"x" * 64), b'{"category": "x", "id": "%b"}' % (b"x" * 65), b"[" * 9999,
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_BODIES), max_size=8))
def test_read_together_they_are_what_each_is_by_itself(bodies: list[bytes]) -> None:
    assert parse.reports(bodies) == [parse.report(body) for body in bodies]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("$.category", "missing")]),
        ({"category": ""}, [("$.category", "invalid")]),
        ({"category": "x" * 101}, [("$.category", "invalid")]),
        ({"category": None}, [("$.category", "invalid")]),
        ({"category": "x", "text": "x" * 2001}, [("$.text", "invalid")]),
        ({"category": "x", "what": 1}, [("$.what", "unknown_field")]),
        ({"category": "x", "place": {"lon": 1}}, [("$.place.lat", "missing")]),
        ({"category": "x", "place": {"lon": 181, "lat": -91}}, [("$.place.lat", "invalid"), ("$.place.lon", "invalid")]),
        ({"category": "x", "place": {"lon": True, "lat": "1"}}, [("$.place.lat", "invalid"), ("$.place.lon", "invalid")]),
        ({"category": "x", "place": {"lon": 1, "lat": 1, "accuracy_m": -1}}, [("$.place.accuracy_m", "invalid")]),
        ({"category": "x", "place": {"lon": 1, "lat": 1, "z": 1}}, [("$.place.z", "unknown_field")]),
        ({"category": "x", "place": [1, 2]}, [("$.place", "invalid")]),
        ({"category": "x", "contact": {"fax": "1"}}, [("$.contact.fax", "unknown_field")]),
        ({"category": "x", "contact": {"phone": 1}}, [("$.contact.phone", "invalid")]),
        ({"category": "x", "observed_at": "yesterday"}, [("$.observed_at", "invalid")]),
        ({"category": "x", "observed_at": "2026-03-04T10:00:00"}, [("$.observed_at", "invalid")]),
        ({"category": "x", "exercise": 1}, [("$.exercise", "invalid")]),
        ({"id": " ", "category": 1, "text": None}, [("$.category", "invalid"), ("$.id", "invalid"), ("$.text", "invalid")]),
    ],
)  # fmt: skip
def test_every_field_that_is_wrong_is_named(body: Any, expected: list[tuple[str, str]]) -> None:
    assert wrong(body) == expected


@pytest.mark.parametrize("said", ["", " ", "a b", "a" * 65, "井盖", "a/b", "abc\n", "\nabc", "a\0", "a\r", "٣", "é"])
def test_an_id_is_letters_digits_and_four_signs_without_a_lines_end(said: str) -> None:
    assert wrong({"category": "x", "id": said}) == [("$.id", "invalid")]


@pytest.mark.parametrize("said", ["a", "A.b_c:d-9", "a" * 64, "0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f"])
def test_the_ids_that_clients_make_are_taken(said: str) -> None:
    assert wrong({"category": "x", "id": said}) == []


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("aZ09._:-/ \n\r٣é") | st.characters(exclude_categories=["Cs"]), max_size=66))
def test_an_id_is_taken_where_the_pattern_of_the_api_holds(said: str) -> None:
    try:
        msgspec.convert({"category": "x", "id": said}, Strict)
    except msgspec.ValidationError:
        assert wrong({"category": "x", "id": said}) == [("$.id", "invalid")]
    else:
        assert wrong({"category": "x", "id": said}) == []


def test_the_api_shows_the_pattern_that_holds() -> None:
    shown, holds = (
        msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]["id"] for kind in (ReportSaid, Strict)
    )
    assert shown["anyOf"][0]["pattern"] == holds["anyOf"][0]["pattern"]


@pytest.mark.parametrize("said", ["", "a" * 41, "T 1", "T1\n", "T_1"])
def test_an_objects_id_is_letters_digits_and_dashes(said: str) -> None:
    assert wrong({"category": "x", "object_id": said}) == [("$.object_id", "invalid")]


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"nul", b"\xff", b"\xef\xbb\xbf{}", b'{"category": "\xed\xa0\x80"}', b'{"category": "\\ud800"}',
        b'{"category": NaN}', b'{"place": {"lon": 1e999}}', b"[" * 100_000, b'{"a":' * 100_000, b'{"category": "x"} {}',
        b"{'a': 1}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    assert wrong(body) == [("$", "not_json")]


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"[]", b"true", b"1e5"])
def test_what_is_no_object_is_said_to_be_none(body: bytes) -> None:
    assert wrong(body) == [("$", "not_an_object")]


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.integers(-(10**400), 10**400)
    | st.sampled_from(["2026-03-04T10:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "T1", "abc\n"])
)  # fmt: skip
_NAMES = st.sampled_from(
    [f.encode_name for k in (ReportSaid, PlaceSaid, ContactSaid) for f in msgspec.structs.fields(k)]
)
_JSON = st.recursive(
    _LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=5), x, max_size=6), max_leaves=12
)  # fmt: skip
_LIKE_A_REPORT = st.fixed_dictionaries(
    {"category": st.text(min_size=1, max_size=100)},
    optional={
        "text": st.text(max_size=30), "exercise": st.booleans(), "id": st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
        "place": st.fixed_dictionaries(
            {"lon": st.floats(-180, 180), "lat": st.floats(-90, 90)},
            optional={"address": st.text(max_size=9), "accuracy_m": st.none() | st.floats(0, 1e5)},
        ),
        "observed_at": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    },
)  # fmt: skip


def _holds(body: bytes) -> None:
    """The answer is a report that the next steps can work with, or a list of reasons that is not empty."""
    found = parse.report(body)
    if isinstance(found, list):
        assert found and all(isinstance(w, Wrong) and w.field[:1] == "$" and w.code and w.reason for w in found)
        msgspec.json.encode(found)
        return
    if not accept(found, since := seen(found, NOW), True, True, NOW, Terms(True, True)):
        wire.word([found], [since], [wire.front("anonymous", Lane.P1, "990101", "1.0", 6)], [""], NOW, None)


@settings(max_examples=500, deadline=None)
@given(_JSON)
def test_no_json_is_too_odd_for_an_answer(said: Any) -> None:
    _holds(json.dumps(said).encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_are_too_odd_for_an_answer(body: bytes) -> None:
    _holds(body)


@settings(max_examples=500, deadline=None)
@given(_LIKE_A_REPORT, st.dictionaries(_NAMES, _JSON, max_size=2))
def test_nothing_put_into_a_good_report_is_too_odd_for_an_answer(said: Any, odd: Any) -> None:
    assert isinstance(parse.report(json.dumps(said).encode()), ReportSaid)
    _holds(json.dumps({**said, **odd}).encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_body_cut_short_anywhere_is_no_report(data: st.DataObject) -> None:
    body = msgspec.json.encode(a_report(text="井盖不见了"))
    assert wrong(body[: data.draw(st.integers(0, len(body) - 1))]) == [("$", "not_json")]
