"""The page around a map: Folium's map and figure without their outside hosts, with a masthead and a margin column.

Nothing here passes through a template twice. Branca compiles what an element renders as a template again, which would
run a feature's name as code; `Raw` carries finished text past that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import folium
from branca.element import Element, Figure
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from layers import Label
from maps import _symbols
from maps._map import Map, View, registry

SCRIPTS = (
    "pages.js",
    "vendor/leaflet.js",
    "vendor/pbf.js",
    "map/gis.js",
    "map/symbols.js",
    "map/sources.js",
    "map/painter.js",
    "map/labels.js",
    "map/history.js",
    "map/photos.js",
    "map/records.js",
    "map/popups.js",
    "map/cells.js",
    "map/parts.js",
    "map/legend.js",
    "map/risk.js",
    "map/along.js",
)
STYLES = ("vendor/leaflet.css", "style.css", "map.css")
"""The files that the service serves under /assets/, in the order in which they load."""

TEMPLATES = Environment(loader=PackageLoader("maps", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True)

_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def script_json(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """Return JSON that may stand inside a script element: no character of it can end the script or a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False)
    return text.translate(_UNSAFE)


def with_nonce(html: str, nonce: str) -> str:
    """Put the nonce of the Content-Security-Policy on every script and style element of a page of ours."""
    return re.sub(r"<(script|style)(?=[\s>])", rf'<\1 nonce="{escape(nonce)}"', html)


def inlined(html: str, read: Callable[[str], str]) -> str:
    """Put the text of every asset into the page, so that it works from disk. `read` gets the path under /assets/."""
    scripts = re.compile(r'<script src="[^"]*?/assets/([^"?]+)[^"]*"></script>')
    styles = re.compile(r'<link rel="stylesheet" href="[^"]*?/assets/([^"?]+)[^"]*"/>')
    html = scripts.sub(lambda m: "<script>" + read(m[1]).replace("</script", r"<\/script") + "</script>", html)
    return styles.sub(lambda m: "<style>" + read(m[1]) + "</style>", html)


class Raw(Element):
    """Finished text, put into the page as it is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def render(self, **_: Any) -> str:  # noqa: ANN401 - branca's signature
        """Return the text."""
        return self.text


class Part(Element):
    """One part of a map: a call of the page's script, with JSON."""

    def __init__(self, call: str, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.call, self.options = call, options

    def render(self, **_: Any) -> str:  # noqa: ANN401 - branca's signature
        """Add the call to the page's script."""
        page, sheet = self.get_root(), self._parent
        assert isinstance(page, Page)
        assert isinstance(sheet, Sheet)
        call = f"gis.{self.call}({sheet.get_name()}, {script_json(self.options)});\n"
        page.script.add_child(Raw(call), name=self.get_name())
        return call


class Sheet(folium.Map):
    """A Folium map on our page. It asks nothing of another host and carries only what it needs.

    `margin` holds the HTML of the panels beside the map, `legend` its groups, `ground` the signs of the background.
    """

    def __init__(self, map_: Map, view: View) -> None:
        west, south, east, north = view.bounds
        super().__init__(
            location=[(south + north) / 2, (west + east) / 2],
            tiles=None,
            zoom_start=12,
            zoom_control=False,
            attribution_control=False,
            font_size="14px",
            zoom_snap=0.25,
            wheel_px_per_zoom_level=110,
        )
        assets = f"{view.root or ''}/assets/"
        # set on the instance: the lists of Folium's class are shared by every map of the process
        self.default_js = [(path, assets + path) for path in SCRIPTS]
        self.default_css = [(path, assets + path) for path in STYLES]
        self.view, self.map = view, map_
        self.margin: list[Markup] = []
        self.legend: list[dict[str, Any]] = []
        self.ground: list[tuple[str, str]] = []
        Page(self).add_child(self)
        options = {
            "language": view.language,
            "root": view.root,
            "map": map_.name,
            "bounds": [[south, west], [north, east]],
            "area": view.area_code,
            "records": [_symbols.record(layer, view.language) for layer in view.layers.values() if not layer.placed],
        }
        self.put("sheet", options)

    def t(self, zh: str, en: str) -> str:
        """Return one of two texts, by the reader's language."""
        return Label(zh, en).in_(self.view.language)

    def put(self, call: str, options: Mapping[str, Any]) -> None:
        """Add a part that the page's script builds: `gis.<call>(map, options)`."""
        self.add_child(Part(call, options))

    def panel(self, template: str, **context: Any) -> None:  # noqa: ANN401 - whatever the template reads
        """Add a panel to the margin column, from a template of this package."""
        html = TEMPLATES.get_template(template).render(t=self.t, view=self.view, map=self.map, **context)
        self.margin.append(Markup(html))  # noqa: S704 - the environment escapes


class Page(Figure):
    """The document: masthead, map, and the margin column with title, panels, legend and sources."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.sheet = sheet

    def render(self, **kwargs: Any) -> str:  # noqa: ANN401 - branca's signature
        """Return the page's HTML."""
        for child in self._children.values():
            child.render(**kwargs)
        sheet = self.sheet
        return TEMPLATES.get_template("_page.html").render(
            t=sheet.t,
            view=sheet.view,
            map=sheet.map,
            maps=registry().values(),
            margin=sheet.margin,
            legend=sheet.legend,
            ground=sheet.ground,
            header=Markup(self.header.render(**kwargs)),  # noqa: S704 - links and Folium's own style
            field=Markup(self.html.render(**kwargs)),  # noqa: S704 - Folium's empty container
            script=Markup(self.script.render(**kwargs)),  # noqa: S704 - `script_json` escapes it
        )
