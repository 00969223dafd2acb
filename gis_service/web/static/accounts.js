// The pages of accounts: forms that are sent as JSON, tokens shown once, and the administrators' editor of users.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-send]")) form.addEventListener("submit", (event) => submit(event, form));
  for (const button of document.querySelectorAll("button[data-send]")) button.addEventListener("click", () => act(button));
  for (const again of document.querySelectorAll("[data-same]")) {
    const first = again.form.elements[again.dataset.same];
    const compare = () => again.setCustomValidity(again.value && again.value !== first.value ? again.dataset.refusal : "");
    for (const field of [again, first]) field.addEventListener("input", compare);
  }
  for (const copy of document.querySelectorAll(".secret .copy")) copy.addEventListener("click", () => copied(copy));
  const editor = document.getElementById("editor");
  if (editor) edits(editor);
});

/** Send a form's fields as JSON; what is refused stands beside its button. */
async function submit(event, form) {
  event.preventDefault();
  const [method, url] = form.dataset.send.split(" "), said = form.querySelector("output");
  const fields = [...form.elements].filter((field) => field.name && !("unsent" in field.dataset));
  const body = Object.fromEntries(fields.map((field) => [field.name, field.type === "number" ? field.valueAsNumber : field.value]));
  said.className = "";
  said.textContent = "";
  try {
    const answer = await send(method, url, body);
    if ("secret" in form.dataset) return show(form, answer.secret);
    form.reset();
    said.className = "done";
    said.textContent = form.dataset.done;
    await renew();
  } catch (error) {
    said.className = "refusal";
    said.textContent = error.message;
  }
}

/** Take the page's token anew: a new password has begun a new session. */
async function renew() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const token = page.querySelector('meta[name="csrf-token"]').content;
  document.querySelector('meta[name="csrf-token"]').content = token;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
}

function show(form, secret) {
  const box = document.querySelector(".secret");
  box.querySelector("code").textContent = secret;
  box.hidden = false;
  form.hidden = true;
}

async function copied(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code); // where the clipboard is closed, as without TLS, it is marked to be copied
  await navigator.clipboard?.writeText(code.textContent).then(() => (button.textContent = button.dataset.copied), () => {});
}

async function act(button) {
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
  const [method, url] = button.dataset.send.split(" ");
  try {
    await send(method, url);
    location.reload();
  } catch (error) {
    alert(error.message);
  }
}

/** The dialog in which a user is added or edited: only what was changed is sent. */
function edits(dialog) {
  const form = dialog.querySelector("form"), refusal = form.querySelector(".refusal"), LIMITS = ["areas", "layers", "columns"];
  let editing = null;

  const choices = (limit) => [...form.querySelectorAll(`[data-limit="${limit}"]`)];
  const all = (limit) => form.querySelector(`[data-all="${limit}"]`);
  const limitOf = (limit) => (all(limit).checked ? null : choices(limit).filter((box) => box.checked).map((box) => box.value));
  const narrow = (limit) => (all(limit).closest("fieldset").querySelector(".choices").hidden = all(limit).checked);

  function open(user) {
    editing = user;
    form.reset();
    refusal.hidden = true;
    const mode = user ? "edited" : "added";
    form.querySelector("h2").textContent = form.dataset[mode];
    for (const part of form.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== mode;
    for (const name of ["name", "title", "role"]) form.elements[name].value = user ? user[name] : name === "role" ? "viewer" : "";
    form.elements.name.disabled = Boolean(user);
    form.elements.active.checked = !user || user.active;
    for (const limit of LIMITS) {
      const given = user ? user[limit] : null;
      all(limit).checked = given === null;
      for (const box of choices(limit)) box.checked = given !== null && given.includes(box.value);
      narrow(limit);
    }
    dialog.showModal();
  }

  function given() {
    const now = { title: form.elements.title.value, role: form.elements.role.value, active: form.elements.active.checked };
    for (const limit of LIMITS) now[limit] = limitOf(limit);
    const same = (name) => editing && JSON.stringify(now[name]) === JSON.stringify(editing[name]);
    const body = Object.fromEntries(Object.entries(now).filter(([name]) => !same(name)));
    if (form.elements.password.value) body.password = form.elements.password.value;
    if (!editing) body.name = form.elements.name.value;
    return body;
  }

  async function save(event) {
    event.preventDefault();
    try {
      await (editing ? send("PATCH", `/api/users/${encodeURIComponent(editing.name)}`, given()) : send("POST", "/api/users", given()));
      location.reload();
    } catch (error) {
      refusal.textContent = error.message;
      refusal.hidden = false;
      refusal.scrollIntoView({ block: "nearest" });
    }
  }

  document.getElementById("add").addEventListener("click", () => open(null));
  for (const button of document.querySelectorAll("button.edit")) button.addEventListener("click", () => open(JSON.parse(button.dataset.user)));
  for (const limit of LIMITS) all(limit).addEventListener("change", () => narrow(limit));
  form.querySelector(".cancel").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", save);
}
