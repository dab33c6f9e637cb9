"""A compressed run whose books do not balance says so by its exit code, and the judge names what was lost."""

import asyncio
import re
import shlex
import signal
from pathlib import Path

import asyncpg
import pytest

from tests.dev.running import START_S, Launch, read_until
from tests.support.waiting import until

_EARLIEST = "(SELECT signal_id FROM dispatch.signals WHERE source <> 'anonymous' ORDER BY 1 LIMIT 1)"


@pytest.mark.parametrize("stays", [(), ("--stay",)], ids=["ends", "stays up"])
async def test_a_run_that_lost_a_report_ends_with_1_and_names_it(
    stays: tuple[str, ...], launch: Launch, tmp_path: Path
) -> None:
    launcher, said = launch(tmp_path / "run", "--seconds", 3, *stays), ""
    await asyncio.to_thread(read_until, launcher, "replaying day 1")
    lost = await _lose_one(_dsn(tmp_path / "run" / "env"))
    if stays:
        said = await asyncio.to_thread(read_until, launcher, "the system stays up")
        launcher.send_signal(signal.SIGTERM)
    said += (await asyncio.to_thread(launcher.communicate, timeout=START_S))[0]
    assert launcher.returncode == 1, said
    assert f"replay {lost['client_id']}: accepted (signal {lost['signal_id']}), no row" in said
    assert re.search(rf"case {lost['case_id']} counts \d+ signals, the table holds \d+", said), said
    found = dict(re.findall(r"^  (\w[\w ]+\w) {2,}(\d+)$", said, re.M))
    faults = [found[name] for name in ("lost", "phantom", "doubled in effect", "misrouted", "out of order")]
    assert faults == ["1", "0", "0", "0", "0"] and found["unbalanced"] != "0", said
    assert "FAULT 账目不平: the judge found faults" in said and "the books balance" not in said


async def _lose_one(dsn: str) -> asyncpg.Record:
    """Deletes the day's earliest signal while the day goes on."""
    connection = await asyncpg.connect(dsn, ssl=False)

    async def is_half() -> bool:
        return await connection.fetchval("SELECT count(*) >= 200 FROM dispatch.signals")

    try:
        # By then whoever sends that one again has done so: a repeat would bring it back.
        await until(is_half, what="half of the day")
        return await connection.fetchrow(f"DELETE FROM dispatch.signals WHERE signal_id = {_EARLIEST} RETURNING *")
    finally:
        await connection.close()


def _dsn(environment: Path) -> str:
    """The database's address as `gewu dev` writes it down for a shell."""
    lines = (shlex.split(line)[0].partition("=") for line in environment.read_text().splitlines())
    return {name: value for name, _, value in lines}["GEWU_POSTGRES_DSN"]
