"""A real Prometheus (Debian's) on the product's own configuration, made quick: it looks every second and hardly waits."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from gewu.dev import ports
from gewu.dev.children import Child, Launch
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "deploy/prometheus"
MISSING = "prometheus is not installed: apt-get install --no-install-recommends prometheus (it brings promtool along)"
EVERY, WINDOW = "1s", "10s"


def tool(name: str) -> str:
    """Where a program of Debian's package stands; FileNotFoundError says how to get it."""
    found = shutil.which(name)
    if not found:
        raise FileNotFoundError(MISSING)
    return found


def quick(text: str) -> str:
    """A configuration or rules with short windows and little patience; thresholds stay."""
    text = re.sub(r"\[\d+[mh]\]", f"[{WINDOW}]", re.sub(r"offset \d+m", f"offset {WINDOW}", text))
    return re.sub(r"for: (\d+)([sm])", _soon, re.sub(r"_interval: 15s", f"_interval: {EVERY}", text))


def _soon(patience: re.Match[str]) -> str:
    # In proportion, and never none: what is true for one look of so short a window says nothing.
    return f"for: {int(patience[1]) * {'s': 1, 'm': 60}[patience[2]] * 1000 // 300}ms"


class Prometheus:
    """Scrapes services by name and URL below a folder of its own."""

    def __init__(self, folder: Path, services: Mapping[str, str]) -> None:
        self._folder, self._services = folder, services
        self.url = ""

    async def __aenter__(self) -> Self:
        (self._folder / "targets").mkdir(parents=True)
        for file in ("prometheus.yml", "alerts.yml"):
            (self._folder / file).write_text(quick((PRODUCT / file).read_text()))
        for name, url in self._services.items():
            (self._folder / f"targets/{name}.yml").write_text(f"- targets: ['{url.removeprefix('http://')}']\n")
        port = ports.free_ports(1)[0]
        self.url = f"http://{ports.LOOPBACK}:{port}"
        self._child = Child(self._launch(port))
        self._session = aiohttp.ClientSession()
        try:
            await until(self._is_ready, 30.0, "Prometheus")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._child.stop(timeout=10.0)

    def _launch(self, port: int) -> Launch:
        command = (
            tool("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn",
            f"--web.listen-address={ports.LOOPBACK}:{port}",
        )  # fmt: skip
        folder = self._folder
        return Launch(command, folder / "prometheus.log", folder / "prometheus.pid", folder, {})

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def ask(self, path: str, **words: str) -> Any:
        """The data of an answer of its API; AssertionError quotes what it has against the question."""
        async with self._session.get(f"{self.url}/api/v1/{path}", params=words) as answer:
            found = await answer.json()
        assert found["status"] == "success", (words, found)
        return found["data"]

    async def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of every series of a query now; those that are no number are left out."""
        found = (await self.ask("query", query=query))["result"]
        pairs = [(series["metric"], float(series["value"][1])) for series in found]
        return [(labels, value) for labels, value in pairs if value == value]

    async def now(self) -> float:
        """The time on its clock."""
        return float((await self.ask("query", query="time()"))["result"][1])

    async def over(self, query: str, start: float, end: float, step: float) -> list[tuple[dict[str, str], list[Any]]]:
        """Labels and (time, value) pairs of every series of a query over a time."""
        words = {"start": str(start), "end": str(end), "step": str(step)}
        found = (await self.ask("query_range", query=query, **words))["result"]
        return [(series["metric"], [(at, float(value)) for at, value in series["values"]]) for series in found]

    async def firing(self, *states: str) -> dict[str, str]:
        """The alerts that fire now, or are in one of these states, with the stage that each names."""
        alerts = (await self.ask("alerts"))["alerts"]
        return {a["labels"]["alertname"]: a["labels"]["stage"] for a in alerts if a["state"] in (states or ("firing",))}

    async def scraped(self) -> set[str]:
        """The jobs whose last scrape went well."""
        targets = (await self.ask("targets"))["activeTargets"]
        return {t["labels"]["job"] for t in targets if t["health"] == "up"}
