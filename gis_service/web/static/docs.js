// The API's documentation, from the service's own OpenAPI document.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("swagger");
  SwaggerUIBundle({ url: box.dataset.openapi, domNode: box, deepLinking: true, validatorUrl: null, docExpansion: "list", defaultModelsExpandDepth: -1 });
});
