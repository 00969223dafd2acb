// Take a step of a hazard's loop: its files first, then the step with them; what is refused is said beside the form.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-step]")) {
    const { step, code, layer } = form.dataset;
    ledger.whenSent(form, async (data) => {
      const attachments = await ledger.attach(layer, code, data.getAll("attachments"));
      const body = { transition: step, note: data.get("note"), attachments };
      for (const day of ["deadline", "valid_from"]) if (data.get(day)) body[day] = data.get(day);
      await send("POST", ledger.asked(`/api/hazards/${encodeURIComponent(code)}/transitions`), body);
      location.reload();
    });
  }
});
