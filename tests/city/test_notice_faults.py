"""Receivers and rules of notices: every fault has its file, line and reason."""

from pathlib import Path

import pytest

from gewu.city import load
from gewu.city.model import CHANGES
from gewu.v1.case_pb2 import CaseChange
from tests.city.packages import faults, write

RECEIVERS = """\
id,label_zh,label_en,channel,url,drills
desk,值班室,Desk,webhook,https://hook.example/a,no
drill,导调,Drill,webhook,https://hook.example:8443/b?c=d,yes
"""
NOTICES = """\
id,change,lane,category,department,grid,receiver,note
fire,opened|joined,p0,*,*,*,desk,
south,opened,*,component:*,water,south,desk,
all,*,*,*,*,*,drill,
"""


def test_a_package_with_receivers_and_rules_is_read(tmp_path: Path) -> None:
    city = load(write(tmp_path, receivers=RECEIVERS, notices=NOTICES))
    assert [r.drills for r in city.receivers.values()] == [False, True]
    assert [(r.id, r.changes, r.receiver) for r in city.notices] == [
        ("fire", ("opened", "joined"), "desk"), ("south", ("opened",), "desk"), ("all", (), "drill"),
    ]  # fmt: skip


def test_a_package_may_be_without_them(tmp_path: Path) -> None:
    city = load(write(tmp_path))
    assert (dict(city.receivers), city.notices) == ({}, ())


def test_the_changes_are_those_of_the_contract() -> None:
    said = {name.removeprefix("CASE_CHANGE_").lower() for name in CaseChange.keys()}  # noqa: SIM118  it is no dictionary
    assert set(CHANGES) == said - {"unspecified"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("desk,a,b,webhook,https://hook.example/x,no", "is already on line 2"),
        ("x,a,b,mail,https://hook.example/x,no", "channel 'mail' is none of"),
        ("x,a,b,webhook,https://hook.example/x,maybe", "drills 'maybe' must be yes"),
        ("x,a,b,webhook,ftp://hook.example/x,no", "must look like https://host/path"),
        ("x,a,b,webhook,https:///x,no", "must look like https://host/path"),
        ("x,a,b,webhook,https://me:word@hook.example/x,no", "no user, password or fragment"),
        ("x,a,b,webhook,https://hook.example/x#y,no", "no user, password or fragment"),
        ("x,a,b,webhook,https://钩.example/x,no", "plain ASCII"),
        ("x,a,b,webhook,https://[::1/x,no", "is no URL"),
        (f"x,a,b,webhook,https://{'h' * 64}.example/x,no", "a label of none or more than 63"),
        ("x,a,b,webhook,https://hook..example/x,no", "a label of none or more than 63"),
        ("X y,a,b,webhook,https://hook.example/x,no", "receiver id 'X y' must be"),
    ],
)
def test_a_wrong_receiver_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    (fault,) = faults(tmp_path, receivers=RECEIVERS + line + "\n")
    assert fault.startswith("receivers.csv:4: ") and reason in fault


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("fire,*,*,*,desk,*,desk,", "is already on line 2"),
        ("x,fell,*,*,*,*,desk,", "change 'fell' is none of"),
        ("x,,*,*,*,*,desk,", "change '' is none of"),
        ("x,*,p9,*,*,*,desk,", "lane 'p9' is none of"),
        ("x,*,*,*,*,*,,", "a rule names a receiver"),
        ("x,*,*,*,*,*,nobody,", "receiver 'nobody' is not in receivers.csv"),
        ("x,*,*,device:*,*,*,desk,", "matches nothing in codebook.csv"),
        ("x,*,*,*,roads,*,desk,", "department 'roads' is not in departments.csv"),
        ("x,*,*,*,*,west,desk,", "grid 'west' is not in grids.geojson"),
        ("x,opened,p0,matter:*,water,north,desk,", "is never reached: rule 'fire' on line 2"),
        ("x,opened,p1,component:01001,water,south,desk,", "is never reached: rule 'south' on line 3"),
        ("x,handled,*,*,*,*,drill,", "is never reached: rule 'all' on line 4"),
        ("x,*,*,c*t,*,*,desk,", "'*' may only stand alone or at the end"),
    ],
)
def test_a_wrong_rule_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    found = faults(tmp_path, receivers=RECEIVERS, notices=NOTICES + line + "\n")
    assert any(f.startswith("notices.csv:5: ") and reason in f for f in found), found
