"""places.geojson: estates, street sides, schools … as polygons with the days between which they stand."""

import shapely

from gewu.city.faults import Notes
from gewu.city.model import Place
from gewu.city.reading.features import Feature, read_features
from gewu.city.reading.values import day, name, text

MUST = ("id", "kind", "label_zh", "label_en")
MAY = ("property_firm", "valid_from", "valid_to")

Places = list[tuple[Place, shapely.Geometry]]


def read_places(source: str, notes: Notes) -> Places | None:
    """Read the places and their polygons; None when the file is unreadable."""
    features = read_features(source, MUST, MAY, notes)
    if features is None:
        return None
    places = []
    for feature in features:
        if not feature.drawn:
            feature.say("has no polygon, so no point can be in it")
        # A faulty polygon is stood for by an empty one: the place's kind still counts for the rules.
        places.append((_place(feature), feature.shape or shapely.Polygon()))
    return places


def _place(feature: Feature) -> Place:
    cells, say = feature.cells, feature.say
    firm = cells.get("property_firm")
    place = Place(
        id=feature.id,
        kind=name(cells.get("kind"), "kind", say),
        label_zh=text(cells.get("label_zh"), "label_zh", say),
        label_en=text(cells.get("label_en"), "label_en", say),
        property_firm=None if firm is None else text(firm, "property_firm", say),
        valid_from=day(cells.get("valid_from"), "valid_from", say),
        valid_to=day(cells.get("valid_to"), "valid_to", say),
    )
    if place.valid_from and place.valid_to and place.valid_to < place.valid_from:
        say(f"valid_to {place.valid_to} is before valid_from {place.valid_from}; both days are included")
    return place
