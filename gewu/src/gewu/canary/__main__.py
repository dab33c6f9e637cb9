"""`python -m gewu.canary`: read the environment, build, serve."""

from gewu.canary import settings
from gewu.canary.app import build
from gewu.runtime.process import run


def main() -> int:
    """Exit code: 0 after a clean stop, 2 for wrong settings, 1 for anything else that keeps it from starting."""
    return run("canary", settings.read, settings.define, build)


if __name__ == "__main__":
    raise SystemExit(main())
