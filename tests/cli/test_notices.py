"""`gewu notices`: who was not told is seen, told again, and a receiver is let in again."""

import json
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from gewu.runtime import whsec
from gewu.runtime.settings import Postgres
from tests.cli.running import Gewu, env_file

ROW = """
INSERT INTO notify.notices (webhook_id, receiver, rule, case_id, incarnation, version, lane, exercise, body, state, attempts,
    planned_at, due_at, ended_at, outcomes)
VALUES ($1, $2, 'r', $1, 1, 2, 1, false, '{}', $3, 8, now(), now(), now(), '{refused 401}')"""


@pytest.fixture
def notices(capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Postgres, demo: Path) -> Gewu:
    """`gewu notices` for this test's database."""
    return Gewu(capsys, ("--env-file", str(env_file(tmp_path, postgres=database, CITY=demo)), "notices"))


async def test_who_was_not_told_is_seen_and_told_again(notices: Gewu, database: Postgres) -> None:
    failed, sent = str(uuid4()), str(uuid4())
    connection = await asyncpg.connect(**database.connection())
    await connection.execute(ROW, failed, "fire-desk", "failed")
    await connection.execute(ROW, sent, "gas-desk", "sent")
    await connection.execute("INSERT INTO notify.disabled VALUES ('gas-desk', 'https://x', now())")
    listed = await notices.there("list")
    assert listed.code == 0 and failed in listed.out and sent in listed.out and "enable gas-desk" in listed.out
    only = await notices.there("list", "--failed", "--json")
    assert only.code == 1 and [n["webhook_id"] for n in json.loads(only.out)["notices"]] == [failed]
    assert (await notices.there("retry", "--receiver", "gas-desk")).code == 1, "what was sent is not sent again"
    assert (await notices.there("retry", failed)).out == "1 go out again\n"
    assert (await notices.there("list", "--failed")).code == 0
    row = await connection.fetchrow("SELECT state, attempts FROM notify.notices WHERE webhook_id = $1", failed)
    assert tuple(row) == ("open", 0)
    assert [(await notices.there("enable", "gas-desk")).code for _ in range(2)] == [0, 1]
    assert (await notices.there("retry")).code == 2
    await connection.close()


async def test_secrets_are_made_once_and_can_be_used(notices: Gewu, tmp_path: Path) -> None:
    folder = tmp_path / "receivers"
    made = await notices.there("secrets", folder, "--json")
    names = json.loads(made.out)["made"]
    assert "fire-desk" in names and all(len(whsec.read(folder / f"{n}.whsec")[0]) == 32 for n in names)
    assert all((folder / f"{n}.whsec").stat().st_mode & 0o077 == 0 for n in names)
    again = await notices.there("secrets", folder)
    assert (again.code, again.out) == (0, "every receiver has one\n")
