// The margin column: the legend's swatches and buttons, and the sheet that opens on a phone.
"use strict";

(() => {
  const page = (selector) => document.querySelector(selector);

  /** Bring the page to life: swatches, toggles, the handle, printing. */
  gis.furnish = (state) => {
    document.addEventListener("DOMContentLoaded", () => furnishLegend(state));
    const handle = page(".handle"), margin = page(".margin");
    handle?.addEventListener("click", () => handle.setAttribute("aria-expanded", margin.classList.toggle("open")));
    page(".print")?.addEventListener("click", () => window.print());
    const resized = new ResizeObserver(() => state.map.invalidateSize({ animate: false, pan: false }));
    resized.observe(state.map.getContainer());
  };

  function furnishLegend(state) {
    const layers = (name) => state.layers.filter((layer) => name === "*" ? layer.points || layer.trace : layer.name === name && !layer.quiet);
    gis.drawSwatches = () => document.querySelectorAll(".legend canvas").forEach((canvas) => drawSwatch(canvas, layers));
    gis.drawSwatches();
    for (const group of document.querySelectorAll("fieldset.group")) {
      const mine = () => layers(group.dataset.layer);
      group.querySelector("input")?.addEventListener("change", (event) => {
        for (const layer of mine()) layer.visible = event.target.checked;
        group.classList.toggle("off", !event.target.checked);
        state.painter.redraw();
      });
      for (const button of group.querySelectorAll("button[data-term]")) {
        button.addEventListener("click", () => {
          const on = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", on);
          for (const layer of mine()) layer.hidden[on ? "delete" : "add"](button.dataset.term);
          state.painter.redraw();
        });
      }
    }
  }

  const GROUND = {
    district: { shape: "area", colour: gis.INK.district, fill: gis.INK.paper, width: 2 },
    area: { shape: "area", colour: gis.INK.border, fill: gis.INK.paper, dash: [4, 2] },
    water: { shape: "line", colour: gis.INK.water, width: 2.6 },
  };

  function drawSwatch(canvas, layers) {
    const { layer: name, term, ground } = canvas.dataset;
    if (ground) {
      gis.symbols.swatch(canvas, GROUND[ground]);
      return;
    }
    const [layer] = layers(name);
    if (!layer) return; // its features are still on their way
    const plain = name === "*" ? "circle" : layer.shape;
    const colour = term ? layer.terms[term].colour : "#6b7480";
    gis.symbols.swatch(canvas, { shape: plain, colour, radius: 5.4 });
  }

  /** The bounds of a feature, as Leaflet takes them. */
  gis.boundsOf = ({ box }) => [[gis.latitude(box[3]), gis.longitude(box[0])], [gis.latitude(box[1]), gis.longitude(box[2])]];

  /** Let a table's row be chosen by pointer and by key. */
  gis.activate = (row, act) => {
    row.addEventListener("click", act);
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); }
    });
  };
})();
