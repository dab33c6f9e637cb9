"""Each Dockerfile is sound, and each guard on it trips."""

import re
import tomllib
from pathlib import Path

import pytest

from deploy.compose import dockerfile as template
from gewu.dev.components import component, services
from tests.containers import dockerfile

ROOT = Path(__file__).parents[2]
IMAGES = {c.name: template.place(c) for c in (*services(), component("canary"))}


@pytest.fixture(scope="module")
def sent() -> set[str]:
    """The files that an engine would be sent."""
    return dockerfile.context(ROOT)


def text(name: str) -> str:
    """The Dockerfile of an image of ours."""
    return (ROOT / IMAGES[name]).read_text()


@pytest.mark.parametrize("name", IMAGES)
def test_the_dockerfile_is_sound(name: str, sent: set[str]) -> None:
    assert dockerfile.faults(text(name), sent, ROOT) == []


def test_every_dockerfile_belongs_to_a_component_of_the_table() -> None:
    found = [path.relative_to(ROOT) for path in ROOT.glob("*/*/Dockerfile")]
    assert sorted(map(str, found)) == sorted(map(str, IMAGES.values()))


SPOILT = [
    (r"^FROM python:\S+", "FROM python:latest", "FROM python:latest AS build: no version"),
    (r"COPY gewu gewu", "COPY gevu gevu", "COPY gevu: is not there"),
    (r"COPY gewu gewu", "COPY tests tests", "COPY tests: is not there"),  # it is, but is not sent
    (r"USER \d+", "USER root", "USER root: not a number, or root"),
    (r"^USER \d+\n", "", "USER 0: not a number, or root"),
    (r"(?m)^(USER \d+)$", r"\1\nRUN pip install x", "something is installed as the user that runs it"),
    (r"STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "STOPSIGNAL is not SIGTERM"),
    (r"(?m)^HEALTHCHECK.*$", "", "no HEALTHCHECK that asks for readiness"),
    (r'"gewu_intake"', '"gewu_intakes"', 'CMD ["python", "-m", "gewu_intakes"]: no such module'),
    (r"--require-hashes ", "", "requirements/intake.txt: not hashed"),
    (r"--no-deps ", "", "unpinned: /opt/gewu/bin/pip install --quiet --no-build-isolation ./gewu ./services/intake"),
    (r"(?m)^(EXPOSE.*)$", r"\1\nENV GEWU_TOKEN=x", "a secret in the image: GEWU_TOKEN"),
]


@pytest.mark.parametrize(("pattern", "instead", "fault"), SPOILT, ids=[fault for _, _, fault in SPOILT])
def test_a_fault_is_found(pattern: str, instead: str, fault: str, sent: set[str]) -> None:
    spoilt = re.sub(pattern, instead, text("intake"), count=1, flags=re.M)
    assert spoilt != text("intake") and fault in dockerfile.faults(spoilt, sent, ROOT)


def test_only_what_an_image_needs_is_sent(sent: set[str]) -> None:
    tops = {path.split("/")[0] for path in sent}
    assert tops == {".dockerignore", "gewu", "services", "requirements", "deploy"}
    assert {path for path in sent if path.startswith("deploy/")} == {"deploy/ready.py"}
    assert not [path for path in sent if re.search(r"\.git|\.gewu|\.venv|__pycache__|egg-info|secret\b|\.key$", path)]


def _wanted(name: str) -> list[str]:
    """What an image's distributions ask for."""
    if name == "canary":
        return ["gewu[city,runtime,canary]"]
    return tomllib.loads((ROOT / f"services/{name}/pyproject.toml").read_text())["project"]["dependencies"]


@pytest.mark.parametrize("name", IMAGES)
def test_an_images_list_is_hashed_and_holds_what_its_distribution_asks_for(name: str) -> None:
    lines = (ROOT / f"requirements/{name}.txt").read_text().splitlines()
    pins = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    developers = (ROOT / "requirements/dev.txt").read_text()
    assert sum("--hash=sha256:" in line for line in lines) > len(pins) > 20
    assert not [line for line in lines if "://" in line]
    extras = tomllib.loads((ROOT / "gewu/pyproject.toml").read_text())["project"]["optional-dependencies"]
    for wanted in _wanted(name):
        ours = re.match(r"gewu\[(.*)\]", wanted)
        for one in [r for extra in ours[1].split(",") for r in extras[extra]] if ours else [wanted]:
            distribution = re.split(r"[\[=<>~! ]", one)[0].replace("opencv-python", "opencv-python-headless")
            assert distribution in pins, f"{name}: {distribution} is missing: `make locks`"
    # What was tested is what is shipped. Only the wheel without a screen is another one, of the same version.
    others = {n for n, v in pins.items() if f"\n{n}=={v} " not in f"\n{developers}"}
    assert others <= {"opencv-python-headless"} and "opencv-python" not in pins
