// Record a hazard: on a feature that is looked up as one types, or at a place that is clicked; then its photos.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("new"), fields = form.elements, { t } = ledger;
  const DIGITS = 7; // a centimetre
  let map = null;

  /** Show the part of the form that the choice needs; the map is drawn when it is first seen. */
  function choose() {
    const chosen = fields.about.value;
    for (const part of form.querySelectorAll("[data-about]")) part.hidden = part.dataset.about !== chosen;
    fields.subject_code.required = chosen === "subject";
    fields.longitude.required = fields.latitude.required = chosen === "place";
    if (chosen === "place" && !map) map = ledger.mapIn(form.querySelector(".place"), put);
  }

  function put(lon, lat) {
    fields.longitude.value = lon.toFixed(DIGITS);
    fields.latitude.value = lat.toFixed(DIGITS);
    map.place(lon, lat);
  }

  for (const radio of form.querySelectorAll("[name=about]")) radio.addEventListener("change", choose);
  for (const name of ["longitude", "latitude"]) {
    fields[name].addEventListener("change", () => {
      if (fields.longitude.value && fields.latitude.value) map.place(Number(fields.longitude.value), Number(fields.latitude.value), 14);
    });
  }
  const locate = form.querySelector(".locate");
  locate.hidden = !(window.isSecureContext && navigator.geolocation); // browsers tell the place to secure pages only
  locate.addEventListener("click", () => navigator.geolocation.getCurrentPosition(
    ({ coords }) => { put(coords.longitude, coords.latitude); map.place(coords.longitude, coords.latitude, 16); },
    () => ledger.refuse(form, new Error(t("浏览器没有给出位置。", "The browser gave no position."))),
    { enableHighAccuracy: true },
  ));

  /** Look features up by code or name, shortly after the last letter. */
  const found = document.getElementById("found"), said = form.querySelector("output");
  let waiting = 0;
  async function look() {
    const typed = fields.subject_code.value.trim(), quoted = typed.replaceAll("'", "''").replace(/[%_\\]/g, "");
    if (!typed) { found.replaceChildren(); said.textContent = ""; return; }
    const filter = `code = '${quoted}' OR CASEI(code) LIKE CASEI('%${quoted}%') OR CASEI(name) LIKE CASEI('%${quoted}%')`;
    const answer = await send("GET", ledger.asked(`/api/layers/${fields.subject_layer.value}/features`, { filter, limit: 20 })).catch(() => null);
    const rows = (answer?.features || []).map(({ properties }) => properties);
    found.replaceChildren(...rows.map(({ code, name }) => new Option(name || code, code)));
    const exact = rows.find(({ code }) => code === fields.subject_code.value.trim());
    said.textContent = exact ? exact.name || exact.code : rows.length === 1 ? `${rows[0].code} ${rows[0].name || ""}` : t(`找到 ${rows.length} 个`, `${rows.length} found`);
    said.dataset.code = exact ? exact.code : rows.length === 1 ? rows[0].code : "";
  }
  const lookSoon = () => { clearTimeout(waiting); said.dataset.code = ""; waiting = setTimeout(look, 250); };
  fields.subject_code.addEventListener("input", lookSoon);
  fields.subject_layer.addEventListener("change", look);
  if (fields.subject_code.value) look();
  choose();

  const text = (data, name) => data.get(name).trim() || null;

  ledger.whenSent(form, async (data) => {
    const properties = Object.fromEntries(["name", "kind", "level", "found_on", "description", "standard_version"].map((name) => [name, text(data, name)]));
    let geometry = null;
    if (data.get("about") === "subject") {
      properties.subject_layer = data.get("subject_layer");
      properties.subject_code = said.dataset.code || text(data, "subject_code"); // the only one of that name is meant
    } else {
      geometry = { type: "Point", coordinates: [Number(data.get("longitude")), Number(data.get("latitude"))] };
    }
    const made = await send("POST", ledger.asked(`/api/layers/${form.dataset.layer}/features`, { reason: form.dataset.reason }), { type: "Feature", geometry, properties });
    const address = ledger.page(made.id);
    try {
      await ledger.attach(form.dataset.layer, made.id, data.getAll("files"));
    } catch (error) {
      // it is recorded: sending the form again would record it twice
      const link = document.createElement("a");
      link.href = address;
      link.textContent = t("隐患已登记，但文件没有收下，请到记录中重新上传", "The hazard is recorded, but a file was not taken; add it on its page");
      ledger.refuse(form, error);
      form.querySelector(".refusal").append(" ", link);
      return;
    }
    location.assign(address);
  });
});
