"""README.md here, made from the bugs' own heads: `python -m tests.planted.page` writes it anew."""

from pathlib import Path

from tests.planted.bug import bugs
from tests.planted.faults import FAULTS

PAGE = Path(__file__).with_name("README.md")
_HEAD = """# The judge is judged

`gewu audit` says whether a system did what it promised. Here it is asked about systems that are known to be wrong:

```
make planted                             # every bug, a line each, last a JSON line; writes docs/planted.md
make planted ARGS='--only relay-by-id-cursor --json'
```

For each bug a copy of the source is changed by a patch under [bugs](bugs). Schema, topics and services are started from
that copy on real Kafka and PostgreSQL, from nothing; there is load, and the fault that opens the bug's window; then the
judge speaks, from the tree as it is. A bug is caught when both are true:

- its window was hit: the changed code says so in a file, at the very place ([planted_window.py](inside/planted_window.py));
- the judge names the finding that is expected. It may name others too: what is lost may also be out of order. Where its books
  know nothing of the harm (how long a notice waits, what a camera says), the family of [trouble](../trouble/families) that
  does it names it (`Own` of [play.py](../trouble/play.py)).

Then the unpatched source goes through the same load and the same faults, and the judge must find nothing. `make test`
runs one bug from end to end and holds that all patches still apply. Bugs of cameras that hang have a judge of their own and no
log: [test_hangs.py](../video/test_hangs.py) plants those of [tests/video/bugs](../video/bugs).

A new bug is a unified diff with three lines above it, `What:`, `Fault:` (one of [faults.py](faults.py)) and `Finding:`
(one of the judge's words, or of the families'); `python -m tests.planted.page` then writes this page anew.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD, "## Bugs", "", "| bug | is | under | must be found |", "|---|---|---|---|"]
    lines += [f"| [{b.name}](bugs/{b.name}.patch) | {b.what} | {b.fault} | {b.finding} |" for b in bugs()]
    lines += ["", "## Faults", "", "| fault | is |", "|---|---|"]
    lines += [f"| {name} | {_sentence(fault.__doc__)} |" for name, fault in sorted(FAULTS.items())]
    return "\n".join(lines) + "\n"


def _sentence(doc: str | None) -> str:
    return " ".join((doc or "").split())


if __name__ == "__main__":
    PAGE.write_text(page())
