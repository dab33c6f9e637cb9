"""The best path of a reader's probabilities that spells a plate (号牌), instead of whatever its characters happen to be.

CTC (Graves 2006): at each of T steps a model gives a probability to each character and to the blank; a path spells what is
left when repeats are drawn together and blanks dropped. Viterbi over (step, place of the form, character).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gewu.city.plate import DIGITS, FORMS, LAST, LETTERS, PROVINCES

CHARACTERS = PROVINCES + LETTERS + "O" + DIGITS + LAST
BLANK = 0  # its column; character n of CHARACTERS has column n + 1
# What a reader says for a character that no plate has, or that a plate has in its place.
_MEANT = {"I": "1", "·": "", ".": "", "•": "", "-": "", " ": "", "、": "", "，": "", ",": "", "。": ""}
_NEVER = -1e30

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path:
    """A text and the natural logarithm of its best path's probability."""

    text: str
    log_p: float

    @property
    def confidence(self) -> float:
        """The path's probability for each character (geometric mean), from 0 to 1."""
        return float(np.exp(self.log_p / len(self.text))) if self.text else 0.0


class Alphabet:
    """From a model's classes to ours: class 0 is the blank, class n stands for characters[n - 1]."""

    def __init__(self, characters: Sequence[str]) -> None:
        column = {character: n + 1 for n, character in enumerate(CHARACTERS)}
        fold = np.zeros((len(characters) + 1, len(CHARACTERS) + 1))
        fold[0, BLANK] = 1
        for n, character in enumerate(characters, 1):
            meant = _MEANT.get(character, character)
            if meant == "":
                fold[n, BLANK] = 1
            elif meant in column:
                fold[n, column[meant]] = 1
        # O and 0 are one sign: the grammar tells which, by the place.
        both = fold[:, column["O"]] + fold[:, column["0"]]
        fold[:, column["O"]] = fold[:, column["0"]] = both
        # Classes that are on no plate are left out and the rest made whole: a softmax over what can stand there.
        self._known = np.flatnonzero(fold.sum(axis=1))
        self._fold = fold[self._known]

    def log(self, probabilities: NDArray[np.float32]) -> Floats:
        """[steps, classes] of the model as logarithms of [steps, 1 + characters] of ours."""
        kept = probabilities[:, self._known].astype(np.float64)
        kept /= np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)
        return np.log(np.maximum(kept @ self._fold, 1e-12))


def best(log: Floats, form: Sequence[str]) -> Path:
    """The best path that spells a text of this form: a set of characters for each place. Of too few steps: an empty one."""
    allowed = _allowed(form)
    places, columns = allowed.shape
    if len(log) < places:
        return Path("", _NEVER)
    # After each step: sign[p, c] at character c of place p; gap[p] at a blank after p characters.
    sign, gap = np.full((places, columns), _NEVER), np.full(places + 1, _NEVER)
    gap[0] = 0.0
    came = np.zeros((len(log), places, columns), np.int16)  # the column before: itself, BLANK, or another sign's
    came_gap = np.zeros((len(log), places + 1), np.int16)  # BLANK: the gap before; else the sign's column
    for t, now in enumerate(log):
        from_sign, other = _from_another(sign)
        entries = np.stack([sign, np.broadcast_to(gap[:-1, None], sign.shape), from_sign])
        choice = entries.argmax(axis=0)
        fresh = np.take_along_axis(entries, choice[None], 0)[0] + np.where(allowed, now[None, :], _NEVER)
        came[t] = np.choose(choice, [np.arange(columns)[None, :].repeat(places, 0), np.full_like(other, BLANK), other])
        last = sign.argmax(axis=1)
        top = np.concatenate([[_NEVER], sign.max(axis=1)])
        came_gap[t] = np.where(gap >= top, BLANK, np.concatenate([[BLANK], last]))
        gap = np.maximum(gap, top) + now[BLANK]
        sign = fresh
    return _spelled(sign[-1], gap[-1], came, came_gap)


def _from_another(sign: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """For each place and character the best sign of the place before that is another character, and its column."""
    order = np.argsort(sign, axis=1)[:, -2:]
    first, second = order[:, 1], order[:, 0]
    rows = np.arange(len(sign))
    columns = np.arange(sign.shape[1])[None, :]
    which = np.where(columns == first[:, None], second[:, None], first[:, None])
    value = sign[rows[:, None], which]
    none = np.full((1, sign.shape[1]), _NEVER)
    return np.vstack([none, value[:-1]]), np.vstack([np.zeros((1, sign.shape[1]), np.int64), which[:-1]])


def _spelled(signs: Floats, gap: float, came: NDArray[np.int16], came_gap: NDArray[np.int16]) -> Path:
    place, column = len(signs_shape := came.shape[1:]) and signs_shape[0] - 1, int(signs.argmax())
    log_p, in_gap = float(signs[column]), False
    if gap > log_p:
        log_p, in_gap = float(gap), True
    if log_p <= _NEVER / 2:
        return Path("", _NEVER)
    text: list[str] = []
    for t in range(len(came) - 1, -1, -1):
        if in_gap:
            before = int(came_gap[t, place + 1])
            in_gap, column = before == BLANK, before
            continue
        before = int(came[t, place, column])
        if before != column:
            text.append(CHARACTERS[column - 1])
            place -= 1
            in_gap, column = before == BLANK, before
    return Path("".join(reversed(text)), log_p)


def _allowed(form: Sequence[str]) -> NDArray[np.bool_]:
    table = np.zeros((len(form), len(CHARACTERS) + 1), bool)
    for place, characters in enumerate(form):
        table[place, [CHARACTERS.index(c) + 1 for c in characters]] = True
    return table


# On a green plate the form of seven must be better by this much (nats); a rule without exceptions loses plates in odd light.
GREEN_BONUS = 2.0


def spell(log: Floats, *, green: bool = False) -> Path:
    """The best plate of any form; `green` says that it looks like a new energy vehicle's."""
    found = [best(log, form) for form in FORMS]
    return max(found, key=lambda path: path.log_p + (GREEN_BONUS if green and len(path.text) == 8 else 0.0))
