"""Give layers out: any filter of any layer, in the formats that people and programs ask for, wherever on earth.

One format is one file; `FORMATS` knows them by suffix. `Export` is what is asked for, `stream` and `export_file`
answer. Coordinates are those stored, EPSG:4490 longitude first, to a millimetre, unless another `place` is asked for.
"""

from gis_service.exports.files import FORMATS, export_file, find_format, replacing, stream
from gis_service.exports.format import Format
from gis_service.exports.places import Place, place
from gis_service.exports.shapefile import ENCODINGS
from gis_service.exports.source import Export

__all__ = [
    "ENCODINGS",
    "FORMATS",
    "Export",
    "Format",
    "Place",
    "export_file",
    "find_format",
    "place",
    "replacing",
    "stream",
]
