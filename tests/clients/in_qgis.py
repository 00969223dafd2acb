"""What QGIS does, told as JSON: run by the tests with Debian's Python, which QGIS belongs to.

/usr/bin/python3 in_qgis.py read|draw '{"provider": …, "layers": {NAME: ADDRESS}}'
"""

import json
import os
import sys
from pathlib import Path

from qgis.core import (
    NULL,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeatureRequest,
    QgsFillSymbol,
    QgsLineSymbol,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsMarkerSymbol,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileBasicRenderer,
    QgsVectorTileBasicRendererStyle,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDate, QDateTime, QSize
from qgis.PyQt.QtGui import QColor


def read(asked):
    """Return what each layer is and holds: CRS, count as told, fields, features with their place as WKB."""
    return {name: _read(address, asked) for name, address in asked["layers"].items()}


def _read(address, asked):
    layer = QgsVectorLayer(address, "", asked["provider"])
    if not layer.isValid():
        return None  # QGIS 3.22 crashes when asked why
    request = QgsFeatureRequest()
    if "box" in asked:
        request.setFilterRect(QgsRectangle(*asked["box"]))
    if "expression" in asked:
        request.setFilterExpression(asked["expression"])
    names = layer.fields().names()
    features = [
        {
            "properties": {name: _plain(value) for name, value in zip(names, one.attributes(), strict=True)},
            "place": bytes(one.geometry().asWkb()).hex() if one.hasGeometry() else None,
        }
        for one in layer.getFeatures(request)
    ]
    types = {field.name(): field.typeName() for field in layer.fields()}
    return {"crs": layer.crs().authid(), "count": layer.featureCount(), "types": types, "features": features}


def _plain(value):
    if value == NULL:
        return None
    if isinstance(value, QDate):
        return value.toString("yyyy-MM-dd")
    return value.toString("yyyy-MM-ddTHH:mm:ss.zzz") if isinstance(value, QDateTime) else value


def draw(asked):
    """Draw vector tiles in a box of web Mercator, all in red, and save the picture; say what went wrong."""
    drawn = [QgsVectorTileLayer(address, name) for name, address in asked["layers"].items()]
    for layer in drawn:
        assert layer.isValid(), layer.name()
        renderer = QgsVectorTileBasicRenderer()
        renderer.setStyles([_red(layer.name(), kind) for kind in _SYMBOLS])
        layer.setRenderer(renderer)
    settings = QgsMapSettings()
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setLayers(drawn)
    settings.setOutputSize(QSize(*asked["size"]))
    settings.setBackgroundColor(QColor("white"))
    settings.setExtent(QgsRectangle(*asked["box"]))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    return {"saved": job.renderedImage().save(asked["picture"]), "errors": [error.message for error in job.errors()]}


_SYMBOLS = {
    QgsWkbTypes.PointGeometry: (QgsMarkerSymbol, {"size": "5", "outline_style": "no"}),
    QgsWkbTypes.LineGeometry: (QgsLineSymbol, {"width": "2"}),
    QgsWkbTypes.PolygonGeometry: (QgsFillSymbol, {}),
}


def _red(name, kind):
    symbol, how = _SYMBOLS[kind]
    style = QgsVectorTileBasicRendererStyle("red", name, kind)
    style.setSymbol(symbol.createSimple({"color": "255,0,0", **how}))
    style.setEnabled(True)
    return style


if __name__ == "__main__":
    QgsApplication.setPrefixPath("/usr", useDefaultPaths=True)
    application = QgsApplication([], GUIenabled=False, profileFolder=os.environ["HOME"])
    application.initQgis()
    what, given = sys.argv[1], json.loads(sys.argv[2])
    answer = {"read": read, "draw": draw}[what](given)
    Path(given["answer"]).write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # what QGIS takes down on its way out may crash, and says nothing of what it read
