// How pages of ours write: with the token of their session, in the reader's language, and with what was refused in words.
"use strict";

/**
 * Send a request, and return the document that answers it (null where there is none).
 * `body` is sent as JSON; FormData goes as it is. Throws an Error with `.problem`, the problem document, and `.status`.
 * `headers` may add others, such as If-Match.
 */
async function send(method, url, body, headers = {}) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  const given = { Accept: "application/json", "Accept-Language": document.documentElement.lang, ...headers };
  if (token) given["X-CSRF-Token"] = token;
  const plain = body === undefined || body === null || body instanceof FormData;
  if (!plain) given["Content-Type"] ??= "application/json";
  const answer = await fetch(url, {
    method,
    headers: given,
    body: plain ? body : JSON.stringify(body),
    credentials: "same-origin",
  });
  const json = (answer.headers.get("Content-Type") || "").includes("json");
  const document_ = json ? await answer.json() : null;
  if (answer.ok) return document_;
  const problem = document_ || { title: answer.statusText, status: answer.status, detail: answer.statusText };
  throw Object.assign(new Error(problem.detail), { problem, status: answer.status });
}
