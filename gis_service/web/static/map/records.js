// What was done about a feature: its inspections, works, notices ..., the latest first. All of it is put in as text.
"use strict";

(() => {
  const { t, element } = gis;

  /** The records whose subject the feature is, of all layers of records, read when they are asked for. */
  gis.recordsOf = (state, layer, code, settle) => {
    const { root, records } = state.options;
    const filter = `subject_layer = ${quoted(layer)} AND subject_code = ${quoted(code)}`;
    const read = (kind) => gis.getJson(gis.onDay(`${root}/api/layers/${kind.name}/features?limit=1000&lang=${gis.language}&filter=${encodeURIComponent(filter)}`))
      .then(({ features }) => features.map(({ properties }) => ({ kind, properties, on: properties[kind.on] || "" })));
    return gis.folded(t("工作记录", "Records of work"), () => Promise.all(records.map(read)).then((found) => {
      const all = found.flat().sort((one, other) => (one.on < other.on ? 1 : one.on > other.on ? -1 : 0));
      return all.length ? element("ul", { class: "done" }, ...all.map(line)) : element("p", { class: "note" }, t("没有记录", "None"));
    }), settle);
  };

  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

  function line({ kind, properties, on }) {
    const said = kind.fields.map(({ name, terms }) => terms[properties[name]]).filter(Boolean).join(" · ");
    return element("li", { title: properties.name || properties.code }, element("span", { class: "when" }, [on, kind.title].filter(Boolean).join(" ")), ` ${said}`);
  }
})();
