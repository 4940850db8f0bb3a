// Serves the files of public/, and gives every other request to the Worker: what the platform does for its assets.
const types = {
  css: "text/css; charset=utf-8",
  gif: "image/gif",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  mjs: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff2: "font/woff2",
  xml: "application/xml",
};

export default {
  async fetch(request, { FILES, NEXT }) {
    if (request.method === "GET" || request.method === "HEAD") {
      const found = await fileAt(FILES, new URL(request.url).pathname, request);
      if (found) return found;
    }
    return NEXT ? NEXT.fetch(request) : new Response("There is no such file.", { status: 404 });
  },
};

/** The file of a path: as it is, with .html, or the index of a folder. Undefined: there is none. */
async function fileAt(files, path, request) {
  // Names that begin with a dot or an underscore are for the platform: as _headers.
  if (path.split("/").some((part) => part.startsWith(".") || part.startsWith("_"))) return undefined;
  const candidates = path.endsWith("/") ? [`${path}index.html`] : [path, `${path}.html`, `${path}/index.html`];
  for (const candidate of candidates) {
    const extension = /\.(\w+)$/.exec(candidate)?.[1] ?? "";
    // A folder answers with a list of its files.
    if (!(extension in types)) continue;
    const answer = await files.fetch(new URL(candidate, "http://files/").href);
    if (!answer.ok) continue;
    const modified = answer.headers.get("last-modified");
    const headers = {
      "content-type": types[extension],
      "cache-control": "public, max-age=0, must-revalidate",
      "x-content-type-options": "nosniff",
      ...(modified && { "last-modified": modified }),
    };
    if (modified && request.headers.get("if-modified-since") === modified) {
      await answer.body?.cancel();
      return new Response(null, { status: 304, headers });
    }
    return new Response(request.method === "HEAD" ? null : answer.body, { headers });
  }
  return undefined;
}
