// What the ledger's forms share: a refusal in words beside the form, files sent one by one, the button at rest meanwhile.
"use strict";

const ledger = (() => {
  const t = (zh, en) => (document.documentElement.lang === "en" ? en : zh);
  const labelOf = (form, field) => form.querySelector(`[name="${field}"]`)?.closest("label")?.firstChild.textContent.trim();

  /** Say what was refused, and mark the fields that it names. */
  function refuse(form, error) {
    const box = form.querySelector(".refusal"), { errors = [] } = error.problem || {};
    box.replaceChildren(error.message);
    if (errors.length) {
      const rows = errors.map(({ field, rule }) => {
        const row = document.createElement("li"), label = labelOf(form, field);
        row.textContent = label ? `${label}: ${rule}` : rule;
        form.querySelector(`[name="${field}"]`)?.setAttribute("aria-invalid", "true");
        return row;
      });
      const list = document.createElement("ul");
      list.append(...rows);
      box.replaceChildren(list);
    }
    box.hidden = false;
    box.scrollIntoView({ block: "nearest" });
  }

  /** Do what a form is for when it is sent, once at a time. */
  function whenSent(form, work) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      form.querySelector(".refusal").hidden = true;
      for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
      button.disabled = true;
      try {
        await work(new FormData(form));
      } catch (error) {
        refuse(form, error);
        button.disabled = false;
      }
    });
  }

  /** Attach files to a hazard, one after the other; return their ids. The same bytes are kept once. */
  async function attach(layer, code, files) {
    const ids = [], lang = document.documentElement.lang === "en" ? "en" : "zh";
    for (const file of files) {
      if (!file.size && !file.name) continue; // an empty field of files
      const body = new FormData();
      body.append("file", file);
      const kept = await send("POST", `/api/layers/${layer}/features/${encodeURIComponent(code)}/attachments?lang=${lang}`, body);
      ids.push(kept.id);
    }
    return ids;
  }

  /** An address of the API that answers in the page's language. */
  const asked = (path, query = {}) => `${path}?${new URLSearchParams({ lang: t("zh", "en"), ...query })}`;
  const page = (code) => `/hazards/${encodeURIComponent(code)}?lang=${t("zh", "en")}`;

  return { t, refuse, whenSent, attach, asked, page };
})();
