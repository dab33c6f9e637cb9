"""The steps between the servers and the services, as `gewu topics apply` and `gewu migrate` do them."""

from collections.abc import Callable
from pathlib import Path

from gewu.dev.children import CannotStart


async def apply_topics(bootstrap: str, city: Path, say: Callable[[str], None]) -> None:
    """Makes and mends the topics of this city. Raises CannotStart where they still differ from the registry."""
    from gewu import topics
    from gewu.city import CityFaults, load
    from gewu.runtime import kafka, settings
    from gewu.runtime.env import Env

    try:
        departments = load(city).departments
    except CityFaults as faults:
        raise CannotStart(f"the city package {city} has faults:\n" + "\n".join(map(str, faults.faults))) from None
    wanted = topics.registry(departments)
    left = await kafka.apply(wanted, settings.kafka(Env({"GEWU_KAFKA_BOOTSTRAP": bootstrap})))
    if left:
        raise CannotStart("topics are not as they must be, start with --fresh:\n" + "\n".join(map(str, left)))
    say(f"{len(wanted)} topics are as the registry says")


async def migrate(dsn: str, say: Callable[[str], None]) -> None:
    """Brings every installed service's schema to its newest version. Raises CannotStart where one cannot be."""
    import asyncpg

    from gewu.runtime import migrate as migrations

    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        for schema, package in migrations.schemas().items():
            applied = await migrations.migrate(connection, schema, migrations.migrations(package))
            done = f"{len(applied)} migrations applied" if applied else "nothing to migrate"
            say(f"schema {schema}: {done}")
    except migrations.AtWork as fault:
        raise CannotStart(str(fault)) from None
    except migrations.SchemaFault as fault:
        raise CannotStart(f"{fault}; for development data: start with --fresh") from None
    finally:
        await connection.close()
