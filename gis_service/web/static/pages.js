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
  for (const form of document.querySelectorAll("form.query")) {
    form.addEventListener("formdata", ({ formData }) => {
      joinTicked(form, formData);
      if (asked.get("as_of") && !formData.has("as_of")) formData.set("as_of", asked.get("as_of"));
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name); // what is empty is not asked
    });
  }
});

/** Send ticked boxes as one comma-separated parameter, and nothing where all are ticked. */
function joinTicked(form, formData) {
  const boxes = [...form.querySelectorAll("[data-joined]")], ticked = boxes.filter((box) => box.checked);
  if (ticked.length && ticked.length < boxes.length) formData.set(boxes[0].dataset.joined, ticked.map((box) => box.value).join(","));
}
