"""The child is one that may be killed: whatever happens to it, nothing is stored that it has not masked, and it comes back."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gewu.mask import client, frames
from gewu.mask.client import Busy, Failed, Lost, Masker, NoMasker, Told
from gewu.mask.words import MOST_BYTES, Masked, Refusal, Unmasked
from tests.mask import hostile
from tests.mask.conftest import running
from tests.support.waiting import until

SMALL = hostile.encoded(hostile.grey(64, 48))
LONG = 15.0  # no deadline of a test that is about something else


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def _other(masker: Masker, pid: int) -> int:
    async def there() -> int:
        return next((p for p in masker.pids if p != pid), 0)

    return await until(there, 60.0, "another child")


async def test_a_child_that_hangs_is_killed_at_the_deadline_and_replaced(models: Path) -> None:
    lost: list[Lost] = []
    async with running(Masker(models, deadline_s=1.0, told=Told(lost=lost.append))) as masker:
        (pid,) = masker.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Failed, match="longer than 1 s"):
            await masker.mask(SMALL)
        assert lost == [Lost.DEADLINE] and await _other(masker, pid)
        assert not _runs(pid)
        assert isinstance(await masker.mask(SMALL), Masked)


async def test_a_child_that_is_killed_over_a_picture_gives_none(models: Path) -> None:
    async with running(Masker(models, deadline_s=LONG)) as masker:
        (pid,) = masker.pids
        os.kill(pid, signal.SIGSTOP)  # so that the kill falls into its work
        asked = asyncio.create_task(masker.mask(SMALL))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Failed, match="ended over it"):
            await asked
        assert isinstance(await masker.mask(SMALL), Masked)


async def test_a_child_that_falls_between_two_pictures_costs_none_of_them(models: Path) -> None:
    async with running(Masker(models, deadline_s=LONG)) as masker:
        (pid,) = masker.pids
        os.kill(pid, signal.SIGKILL)
        await _other(masker, pid)
        assert isinstance(await masker.mask(SMALL), Masked)


async def test_more_pictures_than_may_wait_are_turned_away_at_once(models: Path) -> None:
    async with running(Masker(models, deadline_s=2.0)) as masker:
        os.kill(masker.pids[0], signal.SIGSTOP)
        first = asyncio.create_task(masker.mask(SMALL))
        await asyncio.sleep(0.1)  # it is with the child, which hangs
        waiting = [first, *(asyncio.create_task(masker.mask(SMALL)) for _ in range(client.WAITING))]
        await asyncio.sleep(0)
        assert masker.waiting == client.WAITING
        with pytest.raises(Busy):
            await masker.mask(SMALL)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], Failed) and all(isinstance(one, Masked) for one in found[1:])


async def test_without_models_or_with_others_there_is_no_masker_and_no_picture(models: Path, tmp_path: Path) -> None:
    async with running(Masker(None), fault=True) as masker:
        with pytest.raises(NoMasker, match="GEWU_MODELS"):
            await masker.mask(SMALL)
    async with running(Masker(tmp_path), fault=True) as masker:
        with pytest.raises(NoMasker, match="gewu models fetch"):
            await masker.mask(SMALL)
    async with running(Masker(_damaged(models, tmp_path)), fault=True) as masker:
        with pytest.raises(NoMasker, match="is another file"):
            await masker.mask(SMALL)


def _damaged(models: Path, folder: Path) -> Path:
    """The models, one of them with one bit changed."""
    for file in models.glob("*.onnx"):
        (folder / file.name).write_bytes(file.read_bytes())
    file = folder / "face_detect_yunet_n.onnx"
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    return folder


async def test_models_that_go_away_later_end_the_masking_with_the_next_child(models: Path, tmp_path: Path) -> None:
    own = tmp_path / "models"
    shutil.copytree(models, own)
    async with running(Masker(own, deadline_s=LONG)) as masker:
        assert isinstance(await masker.mask(SMALL), Masked)
        own.rename(tmp_path / "gone")
        (pid,) = masker.pids
        os.kill(pid, signal.SIGKILL)

        async def said() -> bool:
            return "cannot be read" in masker.fault

        asked = asyncio.create_task(masker.mask(SMALL))  # it may wait for the next child, and hears why there is none
        await until(said, what="the fault")
        with pytest.raises((NoMasker, Failed)):
            await asked
        (tmp_path / "gone").rename(own)
        await _other(masker, pid)
        assert isinstance(await masker.mask(SMALL), Masked)


async def test_no_more_than_the_bound_is_even_given_to_the_child(masker: Masker) -> None:
    with pytest.raises(Unmasked) as refused:
        await masker.mask(bytes(MOST_BYTES + 1))
    assert refused.value.why is Refusal.TOO_LARGE


_WORDS = {"type": "image/jpeg", "masked_by": "somebody", "covered": 0}
_PICTURE = b"\xff\xd8\xff"
_GARBLED = {
    "no JSON": frames.LENGTH.pack(2) + b"{]" + frames.LENGTH.pack(0),
    "words without end": b"\xff\xff\xff\xff",
    "a picture without end": frames.said(_WORDS)[:-4] + b"\xff\xff\xff\xff",
    "no masker's name": frames.said({**_WORDS, "masked_by": ""}, _PICTURE),
    "no type": frames.said({"masked_by": "somebody", "covered": 0}, _PICTURE),
    "no picture": frames.said(_WORDS),
    "something else than a picture": frames.said(_WORDS, b"<html>"),
    "an unknown refusal": frames.said({"refusal": "mood"}),
}


@pytest.mark.parametrize("said", _GARBLED.values(), ids=_GARBLED)
async def test_an_answer_out_of_form_is_no_picture(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        f"import os\nos.write(1, {frames.said({'ready': 'somebody'})!r})\n"
        f"os.read(0, 10)\nos.write(1, {said!r})\nwhile os.read(0, 1 << 20): pass"
    )

    async def impostor(_: Any) -> Any:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)

    monkeypatch.setattr(client, "_start", impostor)
    async with running(Masker(Path("anywhere"), deadline_s=LONG)) as masker:
        with pytest.raises(Failed):
            await masker.mask(SMALL)


# What the kernel holds the child to, each seen to hold


def _confined(deed: str) -> subprocess.CompletedProcess[str]:
    code = f"import os, resource\nfrom gewu.mask import confine\nconfine.at_start(os.getppid())\n{deed}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("b = bytearray(confine.MEMORY_BYTES)", "MemoryError"),
        ("open('/dev/shm/mask-test', 'wb', 0).write(b'x')", "File too large"),
        ("confine.before_pictures(); open('/etc/hostname')", "Too many open files"),
        ("confine.before_pictures(); import socket; socket.socket()", "Too many open files"),
    ],
)  # fmt: skip
def test_the_child_has_neither_memory_nor_files_nor_sockets(deed: str, told: str) -> None:
    done = _confined(deed)
    Path("/dev/shm/mask-test").unlink(missing_ok=True)
    assert done.returncode != 0 and told in done.stderr


def test_the_child_has_so_much_processor_time_for_a_picture_and_no_more() -> None:
    done = _confined("confine.CPU_S = 0; confine.before_one()\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU


def test_the_child_leaves_no_core_and_starts_for_no_other_parent() -> None:
    done = _confined("print(resource.getrlimit(resource.RLIMIT_CORE)); confine.at_start(1)")
    assert done.stdout.strip() == "(0, 0)" and "the parent is gone" in done.stderr


def test_the_child_ends_with_its_parent_even_when_that_is_killed(models: Path) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom gewu.mask.client import Masker\n"
        "async def main():\n    masker = Masker(Path(sys.argv[1]))\n    asyncio.create_task(masker.run())\n"
        "    while masker.fault: await asyncio.sleep(0.05)\n"
        "    print(*masker.pids, flush=True)\n    await asyncio.sleep(60)\nasyncio.run(main())"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(models)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = Path("/proc", parent.stdout.readline().strip())
    assert child.exists()
    descriptor = os.pidfd_open(int(child.name))
    parent.kill()
    parent.wait()
    import select

    assert select.select([descriptor], [], [], 30.0)[0], "it lives on"
    os.close(descriptor)


def test_the_client_loads_nothing_that_decodes() -> None:
    code = "import sys, gewu.mask.client; print(*{'cv2', 'onnxruntime', 'av', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == ""
