"""Two releases of dispatch side by side: the next one has a further column and says a further field."""

import asyncio
import sys
from pathlib import Path
from random import Random

from google.protobuf.unknown_fields import UnknownFieldSet

from gewu import topics
from gewu.dev.children import CannotStart
from gewu.v1.case_pb2 import Case, CaseChanged
from tests.support import log, patched
from tests.support.waiting import until
from tests.trouble.play import Seen
from tests.trouble.world import World

ROOT = Path(__file__).parents[3]
PATCH = Path(__file__).parents[1] / "patches" / "next-release.patch"
_GEWU = str(Path(sys.executable).with_name("gewu"))
_NEXT = "dispatch-next"
_BOTH = ("dispatch", _NEXT)
_SETTLED = "gewu_delivery_records_total"
_FIELD, _RELEASE = 21, b"0.2"  # of the patch: written_by, and what it says there
_EACH = 100  # signals that each of the two must have settled while both were there


async def two_releases(world: World, random: Random) -> Seen:
    """The schema grows while the old release runs, the next release joins it, both work; the next one leaves again, and the
    old one is started again on the grown schema."""
    folder = world.folder / f"next-{random.randrange(2**31)}"
    release = patched.copy(ROOT, folder, PATCH)
    proto, generated = folder / "proto", folder / "gewu/src"
    contracts = map(str, sorted(proto.rglob("*.proto")))
    await _run(
        folder,
        release,
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{proto}",
        f"--python_out={generated}",
        *contracts,
    )
    async with world.load(random):
        await asyncio.sleep(random.uniform(0.5, 1.5))
        await _run(folder, release, _GEWU, "--env-file", str(world.stack.data / "env"), "migrate")
        await world.stack.launch("dispatch", {**release, "GEWU_KAFKA_INSTANCE": ""}, replica=_NEXT)
        before = [await _settled(world, name) for name in _BOTH]
        new, old = await until(lambda: _both_work(world, before), 40.0, "signals of both")
        (row,) = await world.fetch("SELECT count(written_by) AS cases FROM cases")
        await world.stack.end(_NEXT)
        await world.stack.end("dispatch")
        await world.stack.launch("dispatch")
        await asyncio.sleep(1.0)
    named = await _named(world)
    await _contract(world)
    words = f"side by side the next release settled {new:.0f} signals, the old one {old:.0f}; "
    words += f"{row['cases']} cases have the new column, {named} of the changes in the log the new field"
    return Seen(row["cases"] > 0 and named > 0, words)


async def _settled(world: World, name: str) -> float:
    return sum([await world.counted(name, _SETTLED, outcome=outcome) for outcome in ("opened", "joined")])


async def _named(world: World) -> int:
    """How many changes of cases in the log have the new field, as a reader of this release finds it: a field that it does not
    know. A column alone would not show that the old release's readers met the next one's messages."""
    said = log.messages(await log.whole(world.kafka, topics.CASES), CaseChanged)
    return sum((_FIELD, _RELEASE) in _unknown(change.case) for change in said)


def _unknown(case: Case) -> set[tuple[int, bytes]]:
    return {(field.field_number, field.data) for field in UnknownFieldSet(case)}


async def _both_work(world: World, before: list[float]) -> tuple[float, float] | None:
    old, new = [await _settled(world, name) - then for name, then in zip(_BOTH, before, strict=True)]
    return (new, old) if min(new, old) >= _EACH else None


async def _contract(world: World) -> None:
    """Back to the old release's schema: the next round migrates anew."""
    await world.fetch("ALTER TABLE cases DROP COLUMN written_by")
    await world.fetch("DELETE FROM migration WHERE name = 'written_by'")


async def _run(folder: Path, release: dict[str, str], *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=release, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise CannotStart(
            f"{' '.join(words)} of the next release ended with {process.returncode}: {out.decode()[-500:]}"
        )
