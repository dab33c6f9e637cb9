"""How a process of the bench is told what to do, and how it answers."""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bench.world import WORDS

Words = Mapping[str, Any]


def words() -> Words:
    """What the bench said at the start; in the environment, because a command line is open to every user."""
    return dict(json.loads(os.environ[WORDS]))


def answer(work: Callable[[Words], Awaitable[Words]]) -> int:
    """Run the work on the same loop as the services do, and print its answer as the last line."""
    import uvloop

    print(json.dumps(uvloop.run(work(words()))), flush=True)  # type: ignore[arg-type]
    return 0
