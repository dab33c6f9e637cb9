"""Dry run (试派): where the cases of the past would go under another package."""

from collections.abc import Sequence

from msgspec import Struct

from gewu.city import City
from gewu_dispatch.domain.routing import Route, Router
from gewu_dispatch.domain.whereabouts import whereabouts


class Past(Struct, frozen=True, gc=False):
    """A case as its first signal opened it (degrees, microseconds since 1970), and where it went then."""

    case_id: str
    said: str  # the class as the reporter worded it
    lon: float | None
    lat: float | None
    object_id: str
    received_at: int
    department: str
    because: str
    rule_id: str


def router_of(city: City) -> Router:
    """The rules of this package."""
    return Router(city.rules, city.fallback, city.departments)


def reroute(past: Sequence[Past], city: City, router: Router) -> list[Route]:
    """Where each of them would go under this package, as of the day on which it was received."""
    grids, kinds = whereabouts(city, past)
    return [
        router.route(
            city.category(p.said),
            kind,
            grid.path if grid else (),
            city.owner(p.object_id) if p.object_id else "",
            grid.department if grid else "",
        )
        for p, grid, kind in zip(past, grids, kinds, strict=True)
    ]
