"""Ids: the same act gives the same id everywhere and always, and another act never does."""

from datetime import UTC, datetime
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu import ids

V7 = "0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f"
SIGNAL = "0190a5c2-7b1e-8000-8000-000000000000"


def test_ids_never_move() -> None:
    # GOLDEN: cases, answers and events out in the world are known by these; a change here loses every one of them.
    assert ids.signal_id("key:test", V7) == "0190a5c2-7b1e-84c1-8aed-45f399e7c145"
    assert ids.case_id(SIGNAL) == "0190a5c2-7b1e-82cb-b7a0-fd47f730d369"
    assert ids.action_id("water", "a-1") == "acd3d577-592a-84d9-9dcf-0628de10395f"
    assert ids.event_id(SIGNAL, 3, 2, "cases.changed") == "0190a5c2-7b1e-8972-beef-9387fb703ec6"


_CLIENT_IDS = st.one_of(
    st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64),
    st.uuids(version=4).map(str), st.builds(ids.new_client_id), st.builds(lambda: ids.new_client_id().upper()),
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(_CLIENT_IDS)
def test_every_id_is_a_uuid_of_version_eight_in_small_letters(client_id: str) -> None:
    signal = ids.signal_id("key:test", client_id)
    for found in (signal, ids.case_id(signal), ids.action_id("water", client_id), ids.event_id(signal, 1, 1, "t")):
        uuid = UUID(found)
        assert str(uuid) == found and (uuid.version, uuid.variant) == (8, RFC_4122)


@settings(max_examples=300, deadline=None)
@given(st.lists(_CLIENT_IDS, min_size=2, max_size=5, unique=True))
def test_two_client_ids_are_two_acts(client_ids: list[str]) -> None:
    assert len({ids.signal_id("key:test", c) for c in client_ids}) == len(client_ids)
    assert len({ids.action_id("water", c) for c in client_ids}) == len(client_ids)


@pytest.mark.parametrize("client_id", [V7, V7.upper(), V7[:15] + "anything that is 21 c"])
def test_the_time_of_a_uuid_of_version_seven_leads_the_signal_the_case_and_the_event(client_id: str) -> None:
    signal = ids.signal_id("key:test", client_id)
    case = ids.case_id(signal)
    for found in (signal, case, ids.event_id(case, 1, 2, "t"), ids.action_id("water", client_id)):
        assert found.startswith("0190a5c2-7b1e-8")


@pytest.mark.parametrize(
    "client_id",
    [
        "0190a5c2-7b1e-4cc3-98c4-dc0c0c07398f", V7.replace("-", ""), V7[:-1], V7 + "0", "{" + V7[1:-1] + "}", "c7", "7" * 36,
        "0190_5c2-7b1e-7cc3-98c4-dc0c0c07398f", " 190a5c2-7b1e-7cc3-98c4-dc0c0c07398f", "+190a5c2-7b1e-7cc3-98c4-dc0c0c07398f",
        "٠190a5c2-7b1e-7cc3-98c4-dc0c0c07398f", "0190a5g2-7b1e-7cc3-98c4-dc0c0c07398f",
    ],
)  # fmt: skip
def test_nothing_else_leads_an_id(client_id: str) -> None:
    found = ids.signal_id("key:test", client_id)
    assert UUID(found).version == 8 and found[:13] != client_id[:13].lower()
    assert found[:13] != ids.signal_id("key:test", client_id + "!")[:13]


@pytest.mark.parametrize("client_id", ["井盖-七", "a b\tc", " ", "x" * 64, "é", "e\u0301", "😀" * 16, "\0", "a\n"])
def test_odd_client_ids_are_as_good_as_any(client_id: str) -> None:
    assert ids.signal_id("key:test", client_id) == ids.signal_id("key:test", client_id)
    assert ids.signal_id("key:test", client_id) != ids.signal_id("key:test", client_id.strip() + "x")


_NEARLY = st.tuples(st.integers(0, 35), st.characters(exclude_categories=("Cs",))).map(
    lambda changed: V7[: changed[0]] + changed[1] + V7[changed[0] + 1 :]
)
_ACTS = st.tuples(st.sampled_from(["key:test", "key:é", ids.ANONYMOUS]), _CLIENT_IDS | _NEARLY, st.just(bytes(32)))


@settings(max_examples=200, deadline=None)
@given(st.lists(_ACTS, min_size=1, max_size=12), st.sampled_from([1, 40]))
def test_made_together_they_are_what_each_is_by_itself(acts: list[tuple[str, str, bytes]], times: int) -> None:
    sources, client_ids, bodies = map(list, zip(*acts * times, strict=True))
    alone = [ids.signal_id(s, c, b if s == ids.ANONYMOUS else b"") for s, c, b in acts * times]
    assert ids.signal_ids(sources, client_ids, bodies) == alone


def test_none_together_are_none() -> None:
    assert ids.signal_ids([], [], []) == []


def test_who_says_it_is_part_of_the_act() -> None:
    assert ids.signal_id("key:a", "bc") != ids.signal_id("key:ab", "c")
    assert ids.action_id("water", "1") != ids.action_id("fire", "1")
    assert ids.action_id("water", "1") != ids.signal_id("water", "1")
    assert ids.signal_id("anonymous", "1", bytes(32)) != ids.signal_id("anonymous", "1", b"\x01" * 32)


def test_one_version_on_one_topic_is_one_event() -> None:
    told = [
        (c, i, v, t) for c in (SIGNAL, V7) for i in (1, 11) for v in (1, 11) for t in ("cases.changed", "dispatch.a")
    ]
    assert len({ids.event_id(*words) for words in told}) == len(told)


def test_an_id_made_for_a_client_is_a_uuid_of_version_seven_of_now() -> None:
    before = datetime.now(UTC)
    made = [ids.new_client_id() for _ in range(100)]
    for found in made:
        uuid = UUID(found)
        assert str(uuid) == found and (uuid.version, uuid.variant) == (7, RFC_4122)
        at = datetime.fromtimestamp((uuid.int >> 80) / 1000, UTC)
        assert -0.002 < (at - before).total_seconds() < 5
    assert len(set(made)) == 100
