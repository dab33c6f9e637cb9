"""A dump came back under a running city: another incarnation, and what was announced before is put right afterwards.

`gewu restore begin` and `gewu restore finish` call these two; between them dispatch reads the log again from the
positions that the dump holds.
"""

from gewu_dispatch.restore.begin import Begun, begin
from gewu_dispatch.restore.finish import Finished, NotYet, finish

__all__ = ["Begun", "Finished", "NotYet", "begin", "finish"]
