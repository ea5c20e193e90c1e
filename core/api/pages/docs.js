"use strict";
// Asks for a key where the API wants one, keeps it in memory alone, and sends it with what is tried out.
const form = document.getElementById("key");
let key = "";

function withKey(request) {
  if (key) {
    request.headers = { ...request.headers, "X-API-Key": key };
  }
  return request;
}

async function show() {
  const answer = await fetch("openapi.json", withKey({}));
  const content = await answer.json();
  form.hidden = answer.ok;
  if (answer.ok) {
    SwaggerUIBundle({
      spec: content,
      dom_id: "#api",
      deepLinking: true,
      validatorUrl: null,
      requestInterceptor: withKey,
    });
  } else if (key || answer.status !== 401) {
    form.querySelector("p").textContent = content.detail;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  key = form.querySelector("input").value.trim();
  show();
});
show();
