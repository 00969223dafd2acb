// What every page needs: a language switch that keeps the question asked, and ticked boxes sent as one parameter.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll("a.language")) {
    const query = new URLSearchParams(location.search);
    query.set("lang", new URLSearchParams(link.search).get("lang"));
    link.search = query;
  }
  for (const form of document.querySelectorAll("form.query")) {
    form.addEventListener("formdata", ({ formData }) => {
      joinTicked(form, formData);
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name); // what is empty is not asked
    });
  }
});

/** Send ticked boxes as one comma-separated parameter, and nothing where all are ticked. */
function joinTicked(form, formData) {
  const boxes = [...form.querySelectorAll("[data-joined]")], ticked = boxes.filter((box) => box.checked);
  if (ticked.length && ticked.length < boxes.length) formData.set(boxes[0].dataset.joined, ticked.map((box) => box.value).join(","));
}
