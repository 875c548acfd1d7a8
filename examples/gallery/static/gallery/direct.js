/* Sends a file straight to the bucket: Django signs a form (begin), the S3 server takes the file, Django records it
 * (finish). No library is needed; XMLHttpRequest is used because fetch() does not report how much has been sent. */
"use strict";

const form = document.getElementById("direct");
const part = (id) => document.getElementById(id);

// Errors of S3 servers, in words for a visitor.
const REFUSALS = {
  AccessDenied: "The server refused this file: it is not of the kind, or not in the place, that was agreed.",
  EntityTooLarge: "The server refused this file: it is too large.",
  EntityTooSmall: "The server refused this file: it is too small.",
  SignatureDoesNotMatch: "The server refused this upload: its signature does not fit.",
};

function show(id, text) {
  part(id).textContent = text;
  part(id).hidden = !text;
}

function progressed(share) {
  const percent = Math.floor(100 * share);
  part("progress").value = percent;
  part("progress").textContent = part("percent").textContent = `${percent} %`;
}

function busy(isBusy) {
  part("send").disabled = isBusy;
  part("cancel").hidden = part("sending").hidden = !isBusy;
}

/** Ask Django; its refusals come as {"error": "..."}. */
async function ask(url, values) {
  const body = new FormData();
  Object.entries(values).forEach(([name, value]) => body.append(name, value));
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const response = await fetch(url, { method: "POST", body, headers });
  const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
  const result = isJson ? await response.json() : {};
  if (!response.ok) {
    throw new Error(result.error || `The site returned an error (${response.status}). Please try again later.`);
  }
  return result;
}

/** Send the file to the S3 server, which wants all fields of the form before it. */
function send(upload, file) {
  const body = new FormData();
  Object.entries(upload.fields).forEach(([name, value]) => body.append(name, value));
  body.append("file", file);
  const request = new XMLHttpRequest();
  part("cancel").onclick = () => request.abort();
  return new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => progressed(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) {
        resolve();
        return;
      }
      const code = (/<Code>(\w+)<\/Code>/.exec(request.responseText) || [])[1];
      reject(new Error(REFUSALS[code] || `The server refused this file (${code || request.status}).`));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke, or the server does not allow uploads from this site.")));
    request.addEventListener("abort", () => reject(new Error("The upload was cancelled.")));
    request.open("POST", upload.url);
    request.send(body);
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  show("error", "");
  show("done", "");
  const title = part("title").value.trim();
  const file = part("file").files[0];
  if (!title || !file) {
    show("error", title ? "Please choose a file." : "Please give the file a title.");
    part(title ? "file" : "title").focus();
    return;
  }
  progressed(0);
  busy(true);
  try {
    const upload = await ask(form.dataset.begin, { name: file.name, content_type: file.type, size: file.size });
    await send(upload, file);
    const recorded = await ask(form.dataset.finish, { title, token: upload.token });
    form.reset();
    show("done", `“${recorded.title}” is stored. `);
    const link = document.createElement("a");
    link.href = recorded.page;
    link.textContent = "Show it in the list";
    part("done").append(link);
  } catch (error) {
    show("error", error.message);
  } finally {
    busy(false);
  }
});
