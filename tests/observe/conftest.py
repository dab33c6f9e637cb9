"""The run's stack, watched by a Prometheus."""

import os
from collections.abc import AsyncIterator

import pytest

from gewu.dev.stack import Stack
from tests.observe.prometheus import Prometheus, tool
from tests.support.waiting import until


@pytest.fixture(scope="package")
def promtool() -> str:
    """Where promtool stands. Without it these tests are skipped, except where everything must be there."""
    try:
        tool("prometheus")
        return tool("promtool")
    except FileNotFoundError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="package")
async def prometheus(
    promtool: str, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Prometheus]:
    """Scrapes every service and a canary, and has seen all."""
    await stack.launch("canary", {"GEWU_CANARY_EVERY": "1s"}, replica="canary")
    services = {name: service.url for name, service in stack.services.items() if name == service.component.name}
    async with Prometheus(tmp_path_factory.mktemp("prometheus") / "run", services) as made:

        async def each() -> bool:
            return await made.scraped() == set(services)

        await until(each, 30.0, "a scrape of each service")
        yield made
    await stack.end("canary")
