"""Writes the committed lists of jars anew, for a new Kafka version: `python -m gewu.dev.jar_lists` in a checkout.

Read the difference before committing it: from then on every machine runs what it names.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gewu.dev import jars

_COORDINATES = {
    # slf4j-simple: without a binding Kafka logs nothing at all, not even why it failed to start.
    jars.KAFKA: ("org.apache.kafka:kafka_2.13:4.3.1", "org.slf4j:slf4j-simple:1.7.36"),
    # The tools' one own jar: what else they need the broker brings (its other dependencies are Kafka Connect's).
    jars.KAFKA_TOOLS: ("org.apache.kafka:kafka-tools:4.3.1",),
}
_ALONE = (jars.KAFKA_TOOLS,)


def resolve(coordinates: Sequence[str], transitive: bool, repository: Path) -> list[str]:
    """A list's lines for these coordinates and, if transitive, all they need at run time. Downloads them."""
    from jgo.parse import Endpoint

    context = jars.maven(repository)
    wanted = Endpoint.parse("+".join(coordinates)).coordinates
    asked = [context.create_dependency(replace(coordinate, scope="compile")) for coordinate in wanted]
    first, further = context.resolver.resolve(asked)
    needed = [*first]
    if transitive:
        needed += [dependency for dependency in further if dependency.scope in ("compile", "runtime")]
    paths = sorted({dependency.artifact.resolve() for dependency in needed})
    return [f"{jars.sha256_of(path)}  {path.relative_to(repository).as_posix()}" for path in paths]


def main() -> int:
    """Resolves every list and writes it beside this module."""
    for name, coordinates in _COORDINATES.items():
        with tempfile.TemporaryDirectory() as repository:
            lines = resolve(coordinates, name not in _ALONE, Path(repository))
        Path(__file__).with_name(f"{name}.sha256").write_text("\n".join(lines) + "\n")
        print(f"{name}: {len(lines)} jars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
