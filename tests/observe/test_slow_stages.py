"""One stage is slowed on purpose; the alert that names it fires, none names another, and it ends with the cause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from gewu.dev.stack import Stack
from tests.observe import panels
from tests.observe.prometheus import WINDOW, Prometheus
from tests.observe.traffic import Traffic
from tests.support.waiting import until

# The alerts that name a slow stage. Others of that stage may fire beside it, as may that of the whole journey.
SLOW = {"GewuIntakeAcksSlow": "broker", "GewuDispatchSlow": "dispatch", "GewuRelaySlow": "outbox"}
_STEADY = 6  # evaluations, one a second, at which the alert must stand
_SLEEP_S = 3.5


@asynccontextmanager
async def slow_broker(stack: Stack) -> AsyncIterator[None]:
    """Kafka stands still for most of each two seconds."""

    async def halting() -> None:
        while True:
            stack.kafka.pause()
            await asyncio.sleep(1.2)
            stack.kafka.resume()
            await asyncio.sleep(0.8)

    task = asyncio.create_task(halting())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stack.kafka.resume()


@asynccontextmanager
async def slow_statement(stack: Stack, deed: str) -> AsyncIterator[None]:
    """PostgreSQL takes its time for one kind of statement."""
    table = deed.rpartition(" ")[2]
    connection = await asyncpg.connect(stack.dsn)
    await connection.execute(
        f"""CREATE FUNCTION dispatch.dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep({_SLEEP_S}); RETURN NULL; END $$;
            CREATE TRIGGER dawdle BEFORE {deed} FOR EACH STATEMENT EXECUTE FUNCTION dispatch.dawdle()"""
    )
    try:
        yield
    finally:
        await connection.execute(f"DROP TRIGGER dawdle ON {table}; DROP FUNCTION dispatch.dawdle()")
        await connection.close()


SLOWED = {
    "GewuIntakeAcksSlow": slow_broker,
    "GewuDispatchSlow": lambda stack: slow_statement(stack, "INSERT ON dispatch.signals"),
    "GewuRelaySlow": lambda stack: slow_statement(stack, "DELETE ON dispatch.outbox"),
}


FIRING = next(query for p in panels.read() if p.title == "Firing alerts" for query, _ in p.queries)


@pytest.mark.parametrize("alert", SLOWED)
async def test_a_slow_stage_is_named_by_its_alert_and_by_no_other(
    stack: Stack, prometheus: Prometheus, alert: str
) -> None:
    async def fires() -> bool:
        return alert in await prometheus.firing()

    async with Traffic(stack) as traffic:
        await asyncio.sleep(float(WINDOW.removesuffix("s")))  # what other tests did is in no window any more
        await _quiet(prometheus, "before")
        began = await prometheus.now()
        async with SLOWED[alert](stack):
            await until(fires, 60.0, alert)
            since = await prometheus.now()
            await asyncio.sleep(_STEADY)
            until_then = await prometheus.now()
            shown = {labels["stage"]: value for labels, value in await prometheus.values(FIRING)}
        fired = await _evaluations(prometheus, began, until_then)
        await _quiet(prometheus, "after")
    assert {stage for stage, _ in fired} <= {SLOW[alert], "journey"}, fired
    stood = [at for at in fired[SLOW[alert], alert] if at >= since]
    assert len(stood) >= _STEADY, fired
    assert shown.get(SLOW[alert], 0) >= 1 and "none" not in shown, "the panel shows the alert, not its fallback"
    assert traffic.accepted > 300


async def _quiet(prometheus: Prometheus, when: str) -> None:
    """No alert fires or is about to; fails with the names of those that do."""
    firing: dict[str, str] = {}

    async def none() -> bool:
        firing.clear()
        firing.update(await prometheus.firing("pending", "firing"))
        return not firing

    try:
        await until(none, 60.0, "quiet")
    except AssertionError as late:
        raise AssertionError(f"{when} the stage is slow, these alerts fire: {firing}") from late


async def _evaluations(prometheus: Prometheus, start: float, end: float) -> dict[tuple[str, str], list[float]]:
    """Stage and name of every alert that fired meanwhile, with the seconds at which it did."""
    found = await prometheus.over('ALERTS{alertstate="firing"}', start, end, 1.0)
    times: dict[tuple[str, str], set[float]] = {}
    for labels, values in found:
        times.setdefault((labels["stage"], labels["alertname"]), set()).update(at for at, _ in values)
    return {name: sorted(at) for name, at in times.items()}
