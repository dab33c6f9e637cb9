"""GStreamer's RTSP server, where the machine has it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
_SERVER = Path(__file__).with_name("rtsp_server.py")
_NEEDS = "needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-good, -bad and -ugly"
_TRY = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); \
assert Gst.ElementFactory.find('x264enc') and Gst.ElementFactory.find('rtph264pay')"


class Rtsp:
    """The server, to be frozen, killed and started again on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Of its one stream."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """On the port of the last time, where there was one."""
        self.process = subprocess.Popen(
            [SYSTEM_PYTHON, str(_SERVER), str(self.port)], stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
        )  # fmt: skip
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL, whether it is frozen or not."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


def why_not() -> str:
    """What this machine lacks for the server, "" where it has all."""
    tried = subprocess.run([SYSTEM_PYTHON, "-c", _TRY], capture_output=True) if Path(SYSTEM_PYTHON).exists() else None
    return _NEEDS if tried is None or tried.returncode else ""


@pytest.fixture
def rtsp_there() -> None:
    """Without it these tests are skipped, except where everything must be there."""
    if why := why_not():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
def rtsp(rtsp_there: None) -> Iterator[Rtsp]:
    """The server."""
    server = Rtsp()
    yield server
    server.kill()
