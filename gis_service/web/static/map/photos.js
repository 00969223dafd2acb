// The photos and files of a record. Pictures are shown small and open whole; all else is put in as text.
"use strict";

(() => {
  const { element } = gis;

  /** The attachments, read when the record is opened; nothing where it has none. */
  gis.photosOf = (root, layer, code, settle) => {
    const place = element("div", {});
    gis.getJson(`${root}/api/layers/${layer}/features/${code}/attachments?lang=${gis.language}`)
      .then((found) => {
        if (!found.attachments.length) return;
        place.replaceChildren(list(root, found.attachments));
        settle();
      })
      .catch(() => {}); // a record of a past day may be gone by now, and its photos with it
    return place;
  };

  function list(root, attachments) {
    return element("ul", { class: "photos" }, ...attachments.map(({ name, note, url, thumbnail }) => {
      const said = [name, note].filter(Boolean).join(" · ");
      const shown = thumbnail ? element("img", { src: root + thumbnail, alt: said, loading: "lazy" }) : name;
      return element("li", {}, element("a", { href: root + url, target: "_blank", rel: "noopener", title: said }, shown));
    }));
  }
})();
