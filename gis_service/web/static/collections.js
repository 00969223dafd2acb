// The pages of /ogc: a small map, drawn by the scripts of the maps, and samples that a click copies.
"use strict";

(() => {
  for (const box of document.querySelectorAll("[data-inset]")) {
    const { sheet, base, areas, layer } = JSON.parse(box.dataset.inset);
    // the page scrolls under the pointer: the wheel is not the map's
    const map = L.map(box, { zoomControl: false, attributionControl: false, scrollWheelZoom: false, zoomSnap: 0.25 });
    gis.sheet(map, sheet);
    if (base) gis.baseMap(map, base);
    gis.areas(map, areas);
    gis.layer(map, layer);
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", () => {
      const code = button.closest(".sample").querySelector("code");
      getSelection().selectAllChildren(code); // the clipboard is closed without TLS: the older way works everywhere
      if (document.execCommand("copy")) button.textContent = button.dataset.copied;
    });
  }
})();
