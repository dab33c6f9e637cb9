"""The console recipe of docs/departments.md, on the running stack: kcat of Debian, protoc of grpcio-tools, nothing of ours."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from gewu.v1.action_pb2 import Action
from tests.api.conftest import Client
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
MISSING = "kcat is not installed: apt-get install --no-install-recommends kcat"


@pytest.fixture
def console() -> None:
    """Debian's kcat; without it these tests are skipped, and with CI set they fail."""
    if shutil.which("kcat") is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


def recipe(*words: str) -> str:
    """The command of the page that has all of these words."""
    page = (ROOT / "docs/departments.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    (found,) = [b for b in blocks if all(w in b for w in words)]
    return found


async def run(command: str, **variables: str) -> str:
    """What a shell prints for it, with the programs of this environment first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    plain = {k: v for k, v in os.environ.items() if not k.startswith("GEWU_")}
    made = await asyncio.create_subprocess_exec(
        "bash", "-c", f"set -o pipefail\n{command}", cwd=ROOT, env={**plain, "PATH": path, **variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await made.communicate()
    assert made.returncode == 0, err.decode()
    return out.decode()


async def test_a_console_hears_reads_and_answers_with_kcat(console: None, client: Client) -> None:
    case_id = (await client.case(70, category="hydrant"))["case"]["case_id"]
    brokers = {"GEWU_KAFKA_BOOTSTRAP": client.stack.kafka.bootstrap}

    async def told() -> str:
        heard = await run(recipe("kcat", "-C", "ce_type", "-e"), **brokers)
        return heard if case_id in heard else ""

    assert "gewu.v1.assignment" in await until(told, 30.0, "kcat to print the case")
    last = await run(recipe("kcat", "--decode=gewu.v1.Assignment"), **brokers)
    assert "ASSIGNMENT_KIND_" in last and 'department: "fire"' in last
    command = recipe("kcat", "-P", "--encode=gewu.v1.Action").replace("CASE_ID", case_id)
    own = str(uuid4())
    await run(command.replace("MOVE_ID", own), **brokers)
    became = await client.desk("GET", f"/v1/cases/{case_id}/actions/{own}", headers={"prefer": "wait=10"})
    assert (became.status, became.body["outcome"]) == (200, "applied")


async def test_the_listener_prints_a_line_of_json_for_each_record(client: Client) -> None:
    case_id = (await client.case(71, category="hydrant"))["case"]["case_id"]
    brokers = {"GEWU_KAFKA_BOOTSTRAP": client.stack.kafka.bootstrap}

    async def told() -> list[dict[str, object]]:
        lines = map(json.loads, (await run(recipe("listen", "--end"), **brokers)).splitlines())
        return [line for line in lines if line.get("message", {}).get("case", {}).get("case_id") == case_id]

    (line,) = await until(told, 30.0, "the listener to print the case")
    assert line["type"] == "gewu.v1.assignment" and line["message"]["kind"] == "ASSIGNMENT_KIND_NEW"  # type: ignore[index]
    wrong = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gewu_department",
        "listen",
        "Water!",
        env={**os.environ, **brokers},
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await wrong.communicate()
    assert wrong.returncode == 2 and b"must match" in err


def test_the_page_shows_the_message_that_it_encodes() -> None:
    """What a console types is a whole Action, and no field of it is misspelt."""
    from google.protobuf import text_format

    text = re.search(r"<<'?EOF'?\n(.*?)^EOF", recipe("--encode=gewu.v1.Action"), re.M | re.S)
    assert text
    said = text_format.Parse(text[1], Action())
    assert said.client_id == "MOVE_ID" and said.case_id == "CASE_ID" and said.kind == 1 and said.said_at.seconds
