// The page of the HTTP API: Swagger UI renders the document of the server.

/** What a plugin of Swagger UI gets. */
interface System {
  React: { createElement(type: string, properties: null, text: unknown): unknown };
}

/** The global of `swagger-ui-bundle.js`. */
declare const SwaggerUIBundle: (options: {
  url: string;
  dom_id: string;
  deepLinking: boolean;
  defaultModelsExpandDepth: number;
  validatorUrl: null;
  plugins: unknown[];
}) => void;

/** The names of fields that Swagger UI leaves without one, by selector. */
const fieldNames = {
  "#servers": "Server",
  ".examples-select-element": "Example",
  ".content-type": "Media type",
  textarea: "Body",
  select: "Value",
};

/** A link inside of the button that opens an operation could not be reached by all means: its text is enough. */
const textInsteadOfLink = (_: unknown, { React }: System) => {
  return ({ text }: { text: unknown }) => React.createElement("span", null, text);
};

/** Adds what screen readers need, and Swagger UI does not write. */
function fix(): void {
  for (const field of document.querySelectorAll("#api :is(select, textarea):not([aria-label])")) {
    const [, name] = Object.entries(fieldNames).find(([selector]) => field.closest(selector))!;
    field.ariaLabel = name;
  }
  // A button without a text, and one whose name is not its text.
  document.querySelector("#api .close-modal:not([aria-label])")?.setAttribute("aria-label", "Close");
  for (const button of document.querySelectorAll('#api [aria-label="Apply credentials"]')) button.ariaLabel = null;
  // The page has a main element already.
  document.querySelector("#api main")?.setAttribute("role", "group");
}

new MutationObserver(fix).observe(document.querySelector("#api")!, { subtree: true, childList: true });
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // No request goes to another server.
  validatorUrl: null,
  plugins: [() => ({ wrapComponents: { DeepLink: textInsteadOfLink } })],
});
