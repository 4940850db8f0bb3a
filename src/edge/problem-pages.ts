import { html, raw } from "hono/html";
import { endsConnection, type ErrorCode, errorStatuses, isRetryable, isVerdict, titleOf } from "../protocol/index.ts";
import { closeCode } from "../wire/partita/close-codes.ts";
import { problemTexts } from "./problem-texts.ts";
import { siteLinks } from "./site-links.ts";

const codes = Object.keys(errorStatuses) as ErrorCode[];

const style = `
:root { color-scheme: light dark; --paper: #f4f5f4; --card: #fff; --ink: #1c2321; --soft: #56625e; --line: #dde2df; --accent: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --paper: #141918; --card: #1b2220; --ink: #e6ebe9; --soft: #9aa7a2; --line: #2e3836; --accent: #4fbfb2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: min(46rem, 100% - 2rem); margin: clamp(1rem, 5vw, 3rem) auto; padding: clamp(1rem, 4vw, 2rem); background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; }
h1 { margin: 0 0 0.5rem; font-size: 1.6rem; line-height: 1.2; }
a { color: var(--accent); }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: break-word; }
td:first-child code { white-space: nowrap; }
.soft { color: var(--soft); }
.meaning { margin: 1rem 0 1.5rem; font-size: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.25rem; margin: 0 0 1.5rem; }
dt { color: var(--soft); }
dd { margin: 0; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 500; color: var(--soft); }
th, td { padding: 0.45rem 0.75rem 0.45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
@media (max-width: 36rem) { thead { display: none; } tr, td { display: block; } td { border: 0; padding: 0; } tr { padding: 0.6rem 0; border-bottom: 1px solid var(--line); } td.soft::before { content: "Status "; } }
`;

type Html = ReturnType<typeof html>;

/** What the pages of a Worker have besides their content. */
export interface Frame {
  /** Whether the site is served: then its header and its colours are those of these pages. */
  site: boolean;
  nonce: string;
}

/** The page of one code. */
export function problemPage(code: ErrorCode, frame: Frame): Html {
  const status = errorStatuses[code];
  const retryable = isRetryable(code);
  const verdict = isVerdict(code);
  const close = endsConnection(code) ? closeCode(code) : undefined;
  return document(
    titleOf(code),
    frame,
    html`<p class="soft"><a href="/problems">All problems</a></p>
      <h1>${titleOf(code)}</h1>
      <code>${code}</code>
      <p class="meaning">${prose(code)}.</p>
      <dl>
        <dt>Status</dt>
        <dd>${status}</dd>
        <dt>Retryable</dt>
        <dd>
          ${retryable ? "Yes: the same request may succeed later." : "No: the same request would fail the same way."}
        </dd>
        <dt>Stored</dt>
        <dd>
          ${
            verdict
              ? "Yes, as the final verdict on a draft: every retry with its key gets the same answer."
              : "No: it is not a verdict. The key gets one when a draft with it is decided."
          }
        </dd>
        ${
          close === undefined
            ? ""
            : html`<dt>On a socket</dt>
                <dd>The connection ends with ${close}.</dd>`
        }
      </dl>
      <p class="soft">
        A program decides by <code>code</code>. The <code>traceId</code> of a problem leads to its line in the server's
        log.
      </p>`,
  );
}

/** The page of all codes. */
export function problemList(frame: Frame): Html {
  const rows = codes.map(
    (code) =>
      html`<tr>
        <td>
          <a href="/problems/${code}"><code>${code}</code></a>
        </td>
        <td class="soft">${errorStatuses[code]}</td>
        <td>${prose(code)}</td>
      </tr>`,
  );
  return document(
    "Problems",
    frame,
    html`<h1>Problems</h1>
      <p class="soft">
        Every error is answered by a problem document (RFC 9457), over HTTP and on sockets alike. These are its codes.
      </p>
      <table>
        <thead>
          <tr>
            <th>Code</th>
            <th>Status</th>
            <th>Meaning, and what to do</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>`,
  );
}

/** What a person sees at an address that leads nowhere. */
export function nothingHere(frame: Frame): Html {
  return document(
    "Nothing here",
    frame,
    html`<h1>Nothing here</h1>
      <p class="meaning">There is no page at this address.</p>
      ${
        frame.site
          ? html`<p><a href="/">Start page</a> · <a href="/docs/">Guide</a></p>`
          : html`<p>This is the address of programs. <a href="/problems">What their errors mean</a></p>`
      }`,
  );
}

function document(title: string, { site, nonce }: Frame, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Partita</title>
        <style nonce="${nonce}">
          ${raw(style)}
        </style>
        ${site ? html`<link rel="stylesheet" href="/site.css" nonce="${nonce}" />` : ""}
      </head>
      <body>
        ${site ? header : ""}
        <main id="main" tabindex="-1">${content}</main>
      </body>
    </html>`;
}

/** As on every page of the site. The picture is in the page: no policy has to allow images. */
const header = html`<header class="site">
  <a class="skip" href="#main">To the content</a>
  <a class="brand" href="/"
    ><svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
      <rect width="16" height="16" rx="4" fill="#0f766e" />
      <path d="M5 12V4h3.5a2.5 2.5 0 0 1 0 5H5" fill="none" stroke="#fff" stroke-width="1.8" /></svg
    >Partita</a
  >
  <nav aria-label="Site">${siteLinks.map(({ href, text }) => html`<a href="${href}">${text}</a>`)}</nav>
</header>`;

/** The text of a code; words in backticks become code elements. */
function prose(code: ErrorCode): Html[] {
  return problemTexts[code].split("`").map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
}
