// A small map of the ground: the areas and the lines, a base map where the operator has set one, and one place on it.
"use strict";

(() => {
  const AREA = { color: "#9aa3ab", weight: 1, fillColor: "#f7f6f1", fillOpacity: 1, interactive: false };
  const LINE = { color: "#7fb2d9", weight: 2, interactive: false };
  const SUBJECT = { color: "#1c4f72", weight: 4, fillOpacity: 0.15, radius: 7, interactive: false };
  const MARK = { radius: 8, color: "#fff", weight: 2, fillColor: "#b3122b", fillOpacity: 1 };
  const CLOSE = 15;

  const read = (url) => fetch(url, { headers: { Accept: "application/geo+json" } }).then((answer) => (answer.ok ? answer.json() : null));

  function draw(map, document_, style) {
    const points = (_, latlng) => L.circleMarker(latlng, style);
    return document_ ? L.geoJSON(document_, { style: () => style, pointToLayer: points, interactive: false }).addTo(map) : null;
  }

  /** Draw the map; `place` puts the mark, and `onclick` is told where the reader clicked. */
  ledger.mapIn = (box, onclick) => {
    const { areas, lines, base, subject, longitude, latitude } = box.dataset;
    const map = L.map(box, { preferCanvas: true, attributionControl: false, scrollWheelZoom: !!onclick, maxZoom: 18, zoomSnap: 0.5 }).setView([26, 119], 9);
    map.createPane("mark").style.zIndex = 450;
    if (base) L.tileLayer(base, { maxZoom: 18 }).addTo(map);
    let mark = null;
    const place = (lon, lat, zoom) => {
      mark = mark || L.circleMarker([lat, lon], { ...MARK, pane: "mark" }).addTo(map);
      mark.setLatLng([lat, lon]);
      if (zoom) map.setView([lat, lon], Math.max(map.getZoom(), zoom));
    };
    document.body.classList.add("busy");
    const known = longitude !== undefined;
    if (known) place(Number(longitude), Number(latitude), CLOSE);
    read(areas)
      .then((found) => {
        const drawn = draw(map, found, base ? { ...AREA, fillOpacity: 0 } : AREA);
        if (!known && !mark && drawn?.getBounds().isValid()) map.fitBounds(drawn.getBounds());
        return Promise.all(lines.split(",").filter(Boolean).map(read));
      })
      .then((found) => found.forEach((one) => draw(map, one, LINE)))
      .then(() => (subject ? read(subject) : null))
      .then((found) => draw(map, found, SUBJECT))
      .finally(() => document.body.classList.remove("busy"));
    if (onclick) map.on("click", ({ latlng }) => onclick(latlng.lng, latlng.lat));
    return { map, place };
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll(".place[data-longitude]")) ledger.mapIn(box);
  });
})();
