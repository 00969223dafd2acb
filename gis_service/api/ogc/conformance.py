"""The conformance classes of the OGC standards that hold here: clients offer by them what they can ask."""

from __future__ import annotations

from collections.abc import Iterator

_CLASSES = {
    # 1.1 only adds to 1.0, and clients ask for either
    "ogcapi-features-1/1.0": ("core", "geojson", "html", "oas30"),
    "ogcapi-features-1/1.1": ("core", "geojson", "html", "oas30"),
    "ogcapi-features-2/1.0": ("crs",),
    "ogcapi-features-3/1.0": ("queryables", "queryables-query-parameters", "filter", "features-filter"),
    "ogcapi-features-4/1.0": (
        "create-replace-delete",
        "update",
        "features",
        "optimistic-locking-etags",
        "optimistic-locking-timestamps",
    ),
    "cql2/1.0": (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "accent-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "basic-spatial-operators",  # the draft's name for basic-spatial-functions, which QGIS asks for
        "spatial-functions",
        "temporal-functions",
        "arithmetic",
        "property-property",
        "functions",
    ),
    # the standard has moved its number; QGIS asks for the former
    **dict.fromkeys(
        ("ogcapi-features-5/1.0", "ogcapi-common-3/1.0"),
        ("schemas", "advanced-property-roles", "references", "returnables-and-receivables", "queryables", "sortables"),
    ),
    "ogcapi-features-8/1.0": ("sortables", "sorting", "features-sorting"),
    "ogcapi-tiles-1/1.0": ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30"),
    "tms/2.0": ("tilematrixset", "json-tilematrixset", "tilesetmetadata", "json-tilesetmetadata"),
}


def classes() -> Iterator[str]:
    """Yield the URIs of all classes."""
    for standard, names in _CLASSES.items():
        yield from (f"http://www.opengis.net/spec/{standard}/conf/{name}" for name in names)
