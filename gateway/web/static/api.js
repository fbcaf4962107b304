// Swagger UI over the document beside it.  Nothing can be tried out from here: members' messages are signed by their connectors.
window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#api",
    presets: [window.SwaggerUIBundle.presets.apis],
    supportedSubmitMethods: [],
    validatorUrl: null,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    deepLinking: false,
  });
});
