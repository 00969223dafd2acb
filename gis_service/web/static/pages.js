// What every page needs: a language switch that keeps the question asked, and ticked boxes sent as one parameter.
"use strict";

const KEPT = ["area", "as_of"]; // what a reader chose on one map holds on the next

document.addEventListener("DOMContentLoaded", () => {
  const asked = new URLSearchParams(location.search);
  for (const link of document.querySelectorAll('a[href^="/maps"], a[href^="/api"], a[href^="/statistics"], a.brand')) {
    const query = new URLSearchParams(link.search);
    for (const name of KEPT) if (asked.get(name) && !query.has(name)) query.set(name, asked.get(name));
    link.search = query;
  }
  for (const link of document.querySelectorAll("a.language")) {
    const query = new URLSearchParams(asked);
    query.set("lang", new URLSearchParams(link.search).get("lang"));
    link.search = query;
  }
  for (const day of document.querySelectorAll("input.day")) {
    day.addEventListener("click", () => day.showPicker?.());
    // a year that is half typed is no choice yet
    day.addEventListener("change", () => {
      if (!day.checkValidity() || day.value < "1900") return;
      const query = new URLSearchParams(asked);
      query.set("as_of", day.value);
      location.search = query;
    });
  }
  // on a phone the menu is longer than the screen: the page that is open is seen in it
  const open = document.querySelector(".masthead nav [aria-current]"), menu = open?.parentElement;
  if (menu) menu.scrollLeft = open.offsetLeft - menu.offsetLeft - (menu.clientWidth - open.offsetWidth) / 2;
  if (matchMedia("(max-width: 640px)").matches) for (const fold of document.querySelectorAll("details.filters")) fold.open = false;
  for (const button of document.querySelectorAll("button.print")) button.addEventListener("click", () => print());
  const menus = [...document.querySelectorAll("details.download")];
  const shut = (but) => menus.forEach((menu) => { if (menu !== but) menu.open = false; });
  for (const menu of menus) menu.querySelector("ul").style.position = "fixed"; // over the page: a table would cut it off
  for (const menu of menus) menu.addEventListener("toggle", () => { if (menu.open) { shut(menu); lay(menu); } });
  document.addEventListener("click", (event) => shut(event.target.closest("details.download")));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && menus.find((one) => one.open);
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  for (const moved of ["scroll", "resize"]) addEventListener(moved, () => menus.filter((menu) => menu.open).forEach(lay), true);
  for (const form of document.querySelectorAll("form.query")) {
    form.addEventListener("formdata", ({ formData }) => {
      joinTicked(form, formData);
      if (asked.get("as_of") && !formData.has("as_of")) formData.set("as_of", asked.get("as_of"));
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name); // what is empty is not asked
    });
  }
});

/** Lay an open menu by its word, below where there is room. */
function lay(menu) {
  const list = menu.querySelector("ul"), edge = 8;
  const word = menu.querySelector("summary").getBoundingClientRect(), { width, height } = list.getBoundingClientRect();
  const below = word.bottom + 4;
  list.style.left = `${Math.max(edge, Math.min(word.left, innerWidth - width - edge))}px`;
  list.style.top = `${Math.max(edge, below + height <= innerHeight - edge ? below : Math.min(word.top - height - 4, innerHeight - height - edge))}px`;
}

/** Send ticked boxes as one comma-separated parameter, and nothing where all are ticked. */
function joinTicked(form, formData) {
  const boxes = [...form.querySelectorAll("[data-joined]")], ticked = boxes.filter((box) => box.checked);
  if (ticked.length && ticked.length < boxes.length) formData.set(boxes[0].dataset.joined, ticked.map((box) => box.value).join(","));
}
