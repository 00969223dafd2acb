// What a record was before: its versions, each with its day, who changed what, and why. All of it is put in as text.
"use strict";

(() => {
  const { t, element } = gis;

  /** An address with the day that the reader asked for, where she asked for one. */
  gis.onDay = (url) => {
    const day = new URLSearchParams(location.search).get("as_of");
    return day ? `${url}${url.includes("?") ? "&" : "?"}as_of=${encodeURIComponent(day)}` : url;
  };

  /** What is read when it is opened, and then stays: `read` promises an element. */
  gis.folded = (title, read, settle) => {
    const place = element("div", {});
    let asked = false;
    const open = () => {
      if (!asked) {
        asked = true;
        read()
          .then((found) => place.replaceChildren(found))
          .catch((error) => place.replaceChildren(element("p", { class: "note", role: "alert" }, error.message)))
          .finally(settle);
      }
      settle();
    };
    return element("details", { ontoggle: open }, element("summary", {}, title), place);
  };

  /** The versions as a list. */
  gis.historyOf = (root, layer, code, settle) => {
    const address = `${root}/api/layers/${layer}/features/${code}/history?lang=${gis.language}`;
    const list = (found) => element("ol", { class: "versions" }, ...found.versions.map(version));
    return gis.folded(t("更改历史", "History"), () => gis.getJson(address).then(list), settle);
  };

  function version({ version: number, valid_from: since, by, reason, changes, deleted }) {
    const head = [since.slice(0, 10), by, reason].filter(Boolean).join(" · ");
    return element("li", { value: number },
      element("p", { class: "when" }, head),
      changes.length ? element("ul", {}, ...changes.map((change) => element("li", {}, said(change)))) : null,
      deleted ? element("p", { class: "note" }, t("已删除", "deleted"), deleted.reason ? ` · ${deleted.reason}` : "") : null);
  }

  function said({ field, label, from, to, unit, moved_m: moved }) {
    if (field === "geom") return `${label}: ${gis.metres(moved)}`;
    const shown = (value) => (value === null || value === "" ? "—" : typeof value === "number" ? gis.number(value) : value);
    return `${label}: ${shown(from)} → ${shown(to)}${unit ? ` ${unit}` : ""}`;
  }
})();
