// The page of the HTTP API: Swagger UI renders the document of the server.

/** The global of `swagger-ui-bundle.js`. */
declare const SwaggerUIBundle: (options: {
  url: string;
  dom_id: string;
  deepLinking: boolean;
  defaultModelsExpandDepth: number;
  validatorUrl: null;
}) => void;

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // No request goes to another server.
  validatorUrl: null,
});
