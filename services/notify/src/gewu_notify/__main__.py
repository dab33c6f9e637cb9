"""`python -m gewu_notify`: read the environment, build, serve."""

from gewu.runtime.process import run
from gewu_notify import settings
from gewu_notify.app import build


def main() -> int:
    """Exit code: 0 after a clean stop, 2 for wrong settings, 1 for anything else that keeps it from starting."""
    return run("notify", settings.read, settings.define, build)


if __name__ == "__main__":
    raise SystemExit(main())
