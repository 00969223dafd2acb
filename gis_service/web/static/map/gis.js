// The page's one name, `gis`: texts, numbers, and the state of a map. Folium's page calls gis.sheet, gis.layer, ...
"use strict";

const gis = (() => {
  const KM = 1000, EARTH = 6371008.8;
  // pixels that controls take at the edges of the map
  const ROOM = { paddingTopLeft: [54, 18], paddingBottomRight: [22, 30] };
  let language = "zh";

  /** Choose between the Chinese and the English text. */
  const t = (zh, en) => (language === "zh" ? zh : en);

  const number = (value, digits = 2) =>
    Number(value).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: digits });

  const metres = (value) => (value >= KM ? `${number(value / KM, 2)} km` : `${number(value, value < 10 ? 1 : 0)} m`);

  /** Make an element; what is put in is text, never HTML. */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  /** Fetch JSON; the error says what the service said of it. */
  async function getJson(url) {
    const response = await fetch(url, { headers: { Accept: "application/geo+json, application/json" } });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(body.detail || body.title || `HTTP ${response.status}`);
    return body;
  }

  /** The metres between two points given as [longitude, latitude] in degrees, on the sphere. */
  function distance([lon1, lat1], [lon2, lat2]) {
    const rad = Math.PI / 180, dLat = (lat2 - lat1) * rad, dLon = (lon2 - lon1) * rad;
    const a = Math.sin(dLat / 2) ** 2 + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(dLon / 2) ** 2;
    return 2 * EARTH * Math.asin(Math.sqrt(a));
  }

  /** Begin: the state that every part of this map shares, the view, and the controls that every map has. */
  function sheet(map, options) {
    language = options.language;
    const state = { map, options, layers: [], areas: new Map(), pending: 0 };
    map.gis = state;
    map.setMinZoom(4).setMaxZoom(18);
    map.fitBounds(options.bounds, { ...ROOM, animate: false });
    state.painter = new gis.Painter(state).addTo(map);
    L.control.zoom({ position: "topleft", zoomInTitle: t("放大", "Zoom in"), zoomOutTitle: t("缩小", "Zoom out") }).addTo(map);
    whole(state).addTo(map);
    north().addTo(map);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    gis.readPointer(state);
    gis.furnish(state);
    return state;
  }

  function whole(state) {
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const label = t("全图", "Whole district");
      const button = element("button", { type: "button", class: "whole", title: label, "aria-label": label,
        onclick: () => state.map.fitBounds(state.options.bounds, ROOM) });
      const bar = element("div", { class: "leaflet-bar" }, button);
      L.DomEvent.disableClickPropagation(bar);
      return bar;
    };
    return control;
  }

  function north() {
    const control = L.control({ position: "bottomleft" });
    control.onAdd = () => element("div", { class: "north", role: "img", "aria-label": t("指北针", "North") }, t("北", "N"));
    return control;
  }

  /** Say something to the reader above the map, for a while. */
  function notice(state, text) {
    const box = state.map.getContainer().parentElement;
    const said = element("p", { class: "notice", role: "alert" }, text);
    box.append(said);
    setTimeout(() => said.remove(), 12000);
  }

  /** Count what is being fetched, so that the page can show it and tests can wait for it. */
  function busy(state, change) {
    state.pending += change;
    document.body.classList.toggle("busy", state.pending > 0);
  }

  return { t, number, metres, element, getJson, distance, sheet, notice, busy, get language() { return language; } };
})();
