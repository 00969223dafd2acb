"""QGIS as the service sees it: the requests of its provider for OGC API Features, in their order, with their bodies.

After QGIS's source (src/providers/wfs/oapif, 2025 and 2026): it takes `storageCrs` where no other is chosen, swaps the
axes where the authority has north first, names the CRS by its bare URI, writes the geometries of new features with six
digits, changes by merge patch where OPTIONS allows PATCH and else by PUT, one request for each feature, and sends no
`If-Match`.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pyproj
import shapely

FEATURES = "application/geo+json, application/json"
PART_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class Refused(Exception):
    """What QGIS tells its user: the request has failed."""


class Qgis:
    """A layer in QGIS: `features` are its attributes and shapes (easting first) by id, as they were read."""

    def __init__(self, client: httpx.Client, collection: str, crs: str = "", patches: bool = True) -> None:
        self.client = client
        links = {one["rel"]: one["href"] for one in reversed(self._get("/ogc", "application/json")["links"])}
        assert self._get(links["service-desc"], "application/vnd.oai.openapi+json;version=3.0")["components"]
        here = f"{links['data'].partition('?')[0]}/{collection}"
        about = self._get(here, "application/json")
        assert PART_2 in self._get(links["conformance"], "application/json")["conformsTo"]
        self.crs = crs or about["storageCrs"]
        axes = pyproj.CRS.from_user_input(self.crs).axis_info
        self.swaps = self.crs != CRS84 and axes[0].direction == "north"
        self.items = f"{here}/items"
        first = self._get(f"{self.items}?limit=10", FEATURES)["features"]
        schema = next(one["href"] for one in about["links"] if one["rel"].endswith("/1.0/schema"))
        self.fields = [name for name, one in self._schema(schema).items() if "type" in one]
        self.editable: set[str] = set()
        if "POST" in self._options(self.items):
            on_one = self._options(f"{self.items}/{first[0]['id'] if first else 'unknown_id'}")
            self.editable = {"add"} | {
                can for can, method in (("change", "PUT"), ("delete", "DELETE")) if method in on_one
            }
            self.patches = patches and "PATCH" in on_one
        self.features: dict[str, dict[str, Any]] = {}
        self.shapes: dict[str, Any] = {}

    def read(self, query: str = "") -> None:
        """Read features, by a filter where one is pushed to the server."""
        crs = "" if self.crs == CRS84 else f"&crs={self.crs}"
        address: str | None = f"{self.items}?limit=1000{query}{crs}"
        self.features, self.shapes = {}, {}
        while address:
            page = self._get(address, FEATURES)
            for one in page["features"]:
                self.features[one["id"]] = one["properties"]
                self.shapes[one["id"]] = one["geometry"] and self._swapped(shapely.geometry.shape(one["geometry"]))
            links = [one["href"] for one in page["links"] if one["rel"] == "next"]
            address = links[0] if links and page["features"] else None

    def add(self, shape: Any, **attributes: Any) -> str:
        """Add a feature: its form has every field, and most are empty."""
        document = self._feature(shape, dict.fromkeys(self.fields) | attributes)
        answer = self._send("POST", self.items, document, "application/geo+json")
        id_ = answer.headers["Location"].rpartition("/items/")[2]
        self.features[id_] = self._get(f"{self.items}/{id_}", FEATURES)["properties"]
        self.shapes[id_] = shape
        return id_

    def change(self, id_: str, **attributes: Any) -> None:
        """Change attributes of a feature."""
        if self.patches:
            self._patch(id_, {"properties": attributes})
        else:
            self._put(id_, self.shapes[id_], self.features[id_] | attributes)
        self.features[id_] |= attributes

    def move(self, id_: str, shape: Any) -> None:
        """Change the shape of a feature."""
        if self.patches:
            geometry = shapely.geometry.mapping(self._swapped(shape))
            self._patch(id_, {"geometry": geometry}, **self._content_crs())
        else:
            self._put(id_, shape, self.features[id_])
        self.shapes[id_] = shape

    def delete(self, id_: str) -> None:
        """Delete a feature."""
        self._send("DELETE", f"{self.items}/{id_}")
        del self.features[id_]

    def _patch(self, id_: str, document: Any, **headers: str) -> None:
        self._send("PATCH", f"{self.items}/{id_}", document, "application/merge-patch+json", headers)

    def _put(self, id_: str, shape: Any, attributes: Any) -> None:
        document = {"id": id_} | self._feature(shape, attributes)
        self._send("PUT", f"{self.items}/{id_}", document, "application/geo+json")

    def _feature(self, shape: Any, attributes: Any) -> dict[str, Any]:
        rounded = shapely.transform(self._swapped(shape), lambda pairs: pairs.round(6))
        return {"geometry": shapely.geometry.mapping(rounded), "properties": attributes, "type": "Feature"}

    def _send(
        self, method: str, address: str, document: Any = None, kind: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        said = self._content_crs() if kind == "application/geo+json" else dict(headers or {})
        body = {} if document is None else {"content": json.dumps(document, separators=(",", ":")).encode()}
        answer = self.client.request(method, address, headers=said | ({"Content-Type": kind} if kind else {}), **body)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.json())
        return answer

    def _content_crs(self) -> dict[str, str]:
        return {} if self.crs == CRS84 else {"Content-Crs": self.crs}

    def _swapped(self, shape: Any) -> Any:
        return shapely.transform(shape, lambda pairs: pairs[:, ::-1]) if self.swaps else shape

    def _options(self, address: str) -> set[str]:
        answer = self.client.options(address)
        assert answer.status_code == 200
        return {method.strip() for method in answer.headers["Allow"].split(",")}

    def _schema(self, address: str) -> Any:
        return self._get(address, "application/schema+json")["properties"]

    def _get(self, address: str, accept: str) -> Any:
        return self.client.get(address, headers={"Accept": accept}).raise_for_status().json()
