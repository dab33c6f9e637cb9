"""A tiny city package that is right, to be made wrong in one place by each test."""

import json
from pathlib import Path

from gewu.city import CityFaults, load

TOML = """\
id = "tiny"
version = "7"
timezone = "Asia/Shanghai"

[name]
zh = "小城"
en = "Tiny"

[intake]
anonymous = true

[routing]
fallback = "desk"
"""
DEPARTMENTS = """\
id,label_zh,label_en,owner
desk,受理台,Desk,duty officer
water,水务,Water,
"""
CODEBOOK = """\
kind,code,label_zh,label_en,lane,join_radius_m,join_within_h,aliases
component,01001,供水井盖,Water cover,p1,15,72,井盖|manhole
matter,06010,暴露垃圾,Rubbish,p2,30,24,垃圾|litter
matter,01001,供水井盖异常,Water cover fault,p1,15,72,
"""
LIMITS = """\
category,amount,unit,condition_zh,condition_en
component:01001,2,uh,,
component:01001,5,wd,路面下沉,the paving has sunk
matter:06010,4,wh,,
matter:01001,2,uh,,
"""
OBJECTS = """\
id,category,lon,lat,owner,maintainer
T1,component:01001,83.0005,39.0005,water,
"""
SENSORS = """\
id,label_zh,label_en,category,quantity,unit,lon,lat,object_id,supplier,high,high_clear,low,low_clear,dwell_s,silent_after_s,flaps,flap_window_s
level-1,水位,Level,matter:06010,level,cm,83.0005,39.0005,T1,water,30,20,5,10,60,900,3,3600
"""
ROUTING = """\
id,category,kind_of_place,grid,owner,department,note
owned,component:*,*,*,*,@owner,
rubbish,matter:06*,school,south,*,water,
rest,matter:06*,*,*,*,desk,
"""


def square(west: float, south: float, side: float = 0.001) -> dict:
    """Give a square polygon."""
    east, north = round(west + side, 9), round(south + side, 9)
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def feature(geometry: dict | None, **cells: object) -> dict:
    """Give a GeoJSON feature."""
    return {"type": "Feature", "properties": cells, "geometry": geometry}


def grid(id: str, parent: str | None, level: int, geometry: dict | None = None, **more: object) -> dict:
    """Give a grid feature with labels."""
    cells = {"id": id, "parent": parent, "level": level, "label_zh": id, "label_en": id, "class": "unit"}
    return feature(geometry, **(cells | more))


def place(id: str, kind: str, geometry: dict | None, **more: object) -> dict:
    """Give a place feature with labels."""
    return feature(geometry, id=id, kind=kind, label_zh=id, label_en=id, **more)


def grids() -> list[dict]:
    """Give a tree of two leaves that share a border."""
    return [
        grid("top", None, 1),
        grid("south", "top", 2, square(83.0, 39.0)),
        grid("north", "top", 2, square(83.0, 39.001)),
    ]


def collection(features: list[dict]) -> str:
    """Give a GeoJSON text with a feature a line."""
    lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def write(folder: Path, **changed: str | bytes | None) -> Path:
    """Write the package with the files named in `changed` (codebook: codebook.csv) replaced or, at None, left out."""
    files: dict[str, str | bytes | None] = {
        "city": TOML,
        "departments": DEPARTMENTS,
        "codebook": CODEBOOK,
        "limits": LIMITS,
        "grids": collection(grids()),
        "places": collection([place("s1", "school", square(83.0002, 39.0002, 0.0004))]),
        "objects": OBJECTS,
        "routing": ROUTING,
    } | changed
    endings = {"city": "toml", "grids": "geojson", "places": "geojson"}
    for stem, content in files.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / f"{stem}.{endings.get(stem, 'csv')}").write_bytes(data)
    return folder


def faults(folder: Path, **changed: str | bytes | None) -> list[str]:
    """Give the texts of the faults of the package so changed; none when it loads."""
    try:
        load(write(folder, **changed))
    except CityFaults as refused:
        return [str(fault) for fault in refused.faults]
    return []
