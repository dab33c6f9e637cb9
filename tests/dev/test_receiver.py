"""The demo city's receiver takes what is signed, once, and nothing else."""

import time
from pathlib import Path

import aiohttp
import pytest

from gewu.dev.ports import LOOPBACK, free_ports
from gewu.dev.receiver import Receiver
from gewu.runtime import whsec

BODY = b'{"type":"gewu.case.opened","data":{"change":"opened","lane":"p0","category":"matter:10998","case_id":"c"}}'


async def test_it_takes_what_is_signed_once_and_nothing_else(tmp_path: Path) -> None:
    whsec.make(tmp_path, ["desk"])
    (key,) = whsec.read(tmp_path / "desk.whsec")
    receiver, (port,) = Receiver(tmp_path), free_ports(1)
    assert await receiver.start(port) and not await Receiver(tmp_path).start(port)

    def signed(own: str, at: int, key: bytes = key) -> dict[str, str]:
        signature = whsec.sign([key], own, at, BODY).decode()
        return {"webhook-id": own, "webhook-timestamp": str(at), "webhook-signature": signature}

    now = int(time.time())
    tried = [
        signed("one", now), signed("one", now), signed("two", now), signed("three", now - 900),
        signed("four", now, b"another secret of 24 bytes"), {**signed("five", now), "webhook-id": "six"}, {},
    ]  # fmt: skip
    async with aiohttp.ClientSession() as session:
        found = []
        for headers in tried:
            async with session.post(f"http://{LOOPBACK}:{port}/desk", data=BODY, headers=headers) as answer:
                found.append(answer.status)
    await receiver.stop()
    assert found == [204, 204, 204, 401, 401, 401, 401]
    assert (receiver.told["desk"], receiver.again, receiver.wrong) == (2, 1, 4)
    assert receiver.last[-1] == "desk: opened p0 matter:10998 c"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "c2VjcmV0", "whsec_!!!", "whsec_" + "A" * 200])
def test_a_secret_that_cannot_be_used_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "desk.whsec").write_text(text + "\n")
    with pytest.raises(whsec.WhsecFault) as refused:
        whsec.read(tmp_path / "desk.whsec")
    assert "desk.whsec" in str(refused.value) and (not text or text[6:] not in str(refused.value) or text == "whsec_")
