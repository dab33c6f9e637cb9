"""The command, and a client of the running stack."""

from tests.api.conftest import client, new_key, reporter
from tests.cli.conftest import gewu

__all__ = ["client", "gewu", "new_key", "reporter"]
