"""A storm at noon and a fire in the middle of it: the hour for which a city's lanes are there."""

import random

from gewu.city import City
from gewu.dev import scatter
from gewu.dev.things import Thing

BEGINS_S, ENDS_S = 12 * 3600.0, 13.5 * 3600.0
FIRE_S = 12.6 * 3600.0

# What a storm leaves behind and how often, in the words of people: of a city's own code book, whatever its codes are.
_DAMAGE = {"积水": 5, "树倒了": 4, "电线掉了": 2, "广告牌": 2, "围挡倒了": 2, "下水口堵了": 3, "路灯": 1, "井盖": 2}
_FIRE = "着火"
_AT_THE_FIRE, _AT_DAMAGE = 20, 3  # people who report it
_SOON_S, _AT_ONCE_S = 300.0, 20.0  # mean time until the next one does


def draw(city: City, rng: random.Random, reports: int) -> list[Thing]:
    """Things of the storm that are reported about so many times; none where the city has no words for any of it."""
    damage = [(category, share) for word, share in _DAMAGE.items() if (category := city.category(word))]
    fire = city.category(_FIRE)
    if not damage or reports < _AT_THE_FIRE:
        return []
    categories, weights = zip(*damage, strict=True)
    number = max(1, (reports - _AT_THE_FIRE) // _AT_DAMAGE)
    *places, burning = scatter.inside(city, rng, number + 1)
    found = [
        Thing(rng.triangular(BEGINS_S, ENDS_S), rng.choices(categories, weights)[0], place, "", _AT_DAMAGE, _SOON_S)
        for place in places
    ]
    if fire:
        found.append(Thing(FIRE_S, fire, burning, "", _AT_THE_FIRE, _AT_ONCE_S))
    return found
