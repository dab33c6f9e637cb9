"""What was seen already: a reader keeps the highest (incarnation, version) of each case and drops what is not above it."""

from collections import OrderedDict

Order = tuple[int, int]  # incarnation, version

CASES = 100_000  # remembered; of the oldest beyond it a repeat would be handed out again


class Seen:
    """The last order of each case, and the ids of refusals, of the `most` that were heard of last."""

    def __init__(self, most: int = CASES) -> None:
        self._most = most
        self._cases: OrderedDict[str, Order] = OrderedDict()
        self._events: OrderedDict[str, None] = OrderedDict()

    def is_news(self, case_id: str, order: Order) -> bool:
        """Whether this is above all that was heard of the case; it is remembered."""
        before = self._cases.get(case_id)
        if before is not None and order <= before:
            return False
        self._cases[case_id] = order
        self._cases.move_to_end(case_id)
        if len(self._cases) > self._most:
            self._cases.popitem(last=False)
        return True

    def is_new_event(self, event_id: str) -> bool:
        """Whether an event that is of no version was not heard before; it is remembered."""
        if event_id in self._events:
            return False
        self._events[event_id] = None
        if len(self._events) > self._most:
            self._events.popitem(last=False)
        return True
