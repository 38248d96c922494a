// Has Swagger UI show the description of the API. What it is given by Authorize is forgotten with the page.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const viewer = document.getElementById("viewer");
  SwaggerUIBundle({
    domNode: viewer,
    url: viewer.dataset.description,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    validatorUrl: null,
    requestInterceptor: (request) => Object.assign(request, { credentials: "omit" }),
  });
});
