// The page of the HTTP API, drawn by Swagger UI from the document that the server gives.

/** What `swagger-ui-bundle.js` has put on the page. */
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
  // Nothing is asked of another server.
  validatorUrl: null,
});
