"""`gewu` in an environment without settings."""

import os

import pytest

from tests.cli.running import Gewu


@pytest.fixture
def gewu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path) -> Gewu:
    """The command, in an empty folder, with no GEWU_ variable set."""
    for name in [name for name in os.environ if name.startswith("GEWU_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Gewu(capsys)
