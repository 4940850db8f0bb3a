import { Connection } from "./connection.js";
import { Log } from "./log.js";
import { part } from "./page.js";
import { Pane } from "./pane.js";

const nameInput = part(document, "partition", HTMLInputElement);
const partition = new URLSearchParams(location.search).get("partition") ?? nameInput.defaultValue;
nameInput.value = partition;
if (nameInput.checkValidity()) start();
else {
  part(document, "wrong-name").hidden = false;
  part(document, "main").hidden = true;
}

function start() {
  // New ones for each load: two pages are four clients.
  const tag = crypto.randomUUID().slice(0, 8);
  const sides = ["Left", "Right"].map((title) => ({ title, clientId: `${title.toLowerCase()}-${tag}` }));
  const log = new Log(part(document, "log"), new Map(sides.map(({ title, clientId }) => [clientId, title])));

  // The log has a connection of its own, so it goes on, and knows the head, when both panes are cut.
  const observer = new Connection(
    { partition, clientId: `log-${tag}`, historyMax: 100 },
    { onState: () => log.clear(), onEvent: (event) => log.add(event), onChange: () => shareHead() },
  );

  const template = part(document, "pane", HTMLTemplateElement);
  const panes = sides.map(({ title, clientId }) => {
    const copy = document.importNode(template.content, true);
    const element = part(copy, "section");
    element.dataset["pane"] = title;
    part(document, "panes").append(copy);
    return new Pane(element, { title, partition, clientId }, (cursor) => log.paneIsAt(title, cursor));
  });

  const shareHead = () => {
    for (const pane of panes) pane.headIs(observer.head);
  };
  observer.open();
}
