"""Several pictures of one plate vote, place by place: one bad picture must not decide."""

from collections.abc import Sequence

from gewu.city.plate import is_plate
from gewu_video.reading.reader import Reading


def vote(readings: Sequence[Reading]) -> Reading:
    """What they say together. Readings of the likelier length vote for each place by their confidence.

    The confidence is that of those who said the same, for the place with the weakest majority, times its share of votes.
    Where the places make no plate together, the surest single reading stands. ValueError without any reading.
    """
    if not readings:
        raise ValueError("nobody votes")
    length = max({len(r.text) for r in readings}, key=lambda n: sum(r.confidence for r in readings if len(r.text) == n))
    voters = [r for r in readings if len(r.text) == length]
    total = sum(r.confidence for r in voters)
    text, weakest = "", 1.0
    for place in range(length):
        votes: dict[str, float] = {}
        for r in voters:
            votes[r.text[place]] = votes.get(r.text[place], 0.0) + r.confidence
        winner = max(sorted(votes), key=lambda c: votes[c])
        text, weakest = text + winner, min(weakest, votes[winner] / total if total else 0.0)
    if not is_plate(text):
        return max(readings, key=lambda r: r.confidence)
    return Reading(text, weakest * max(r.confidence for r in voters))
