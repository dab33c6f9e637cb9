"""A key that `gewu keys` makes or revokes is in or out of force within 5 s, in services that go on running."""

import asyncio
import sys
from pathlib import Path

from gewu import ids
from gewu.dev.stack import Stack
from tests.api.conftest import Client
from tests.support.waiting import until

PROMISED_S = 5.0  # after the command has ended


async def _gewu(stack: Stack, *words: str) -> str:
    """What `gewu keys` printed, as a process of its own on the running stack."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("gewu"), "--env-file", stack.data / "env", "keys", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0 and b"within 5 s" in err, err
    return out.decode().strip()


async def test_a_key_reports_and_reads_within_5_s_of_gewu_keys_add_and_no_more_after_revoke(
    stack: Stack, client: Client, reporter: str
) -> None:
    key = await _gewu(stack, "add", "short-lived", "--scope", "report", "--scope", "read:*")

    report = client.report(id=ids.new_client_id())  # the same again and again is one report

    async def are(taken: int, read: int) -> bool:
        answers = await client.post("/v1/reports", report, key=key), await client.desk("GET", "/v1/cases", key=key)
        return [answer.status for answer in answers] == [taken, read]

    await until(lambda: are(202, 200), PROMISED_S, "a new key in force")
    await _gewu(stack, "revoke", "short-lived")
    await until(lambda: are(401, 401), PROMISED_S, "a revoked key out of force")
    assert (await client.post("/v1/reports", report, key=reporter)).status == 202, "no other key is touched"
