"""The command, as tests/cli has it."""

from tests.cli.conftest import gewu

__all__ = ["gewu"]
