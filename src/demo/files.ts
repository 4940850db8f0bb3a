import { offerExamples } from "./examples.ts";
import { LastEdits } from "./last-edits.ts";
import { Log } from "./log.ts";
import { clientIds } from "./names.ts";
import { Pane } from "./pane.ts";
import { part } from "./page.ts";
import { sampleFiles } from "./sample.ts";
import { TreeHistory } from "./tree-history.ts";

const nameInput = part(document, "partition", HTMLInputElement);
const asked = new URLSearchParams(location.search).get("partition");
const partition = asked ?? nameInput.defaultValue;
nameInput.value = partition;
if (nameInput.checkValidity()) start();
else {
  part(document, "wrong-name").hidden = false;
  part(document, "work").hidden = true;
  part(document, "examples").hidden = true;
}

function start(): void {
  const [leftId, rightId] = clientIds();
  const sides = new Map([
    [leftId, "Left"],
    [rightId, "Right"],
  ]);
  const edits = new LastEdits(sides);
  const history = new TreeHistory((id) => left.nameOf(id) ?? right.nameOf(id));
  const log = new Log(part(document, "log"), partition, sides, {
    read(events) {
      edits.read(events);
      for (const pane of [left, right]) pane.refresh();
    },
    describe: (event) => history.describe(event),
  });
  const replaced = () => {
    log.clear();
    edits.clear();
    history.clear();
  };

  const open = (clientId: string): Pane => {
    const copy = document.importNode(part(document, "pane", HTMLTemplateElement).content, true);
    const element = part(copy, "section");
    part(document, "panes").append(copy);
    return new Pane(element, {
      partition,
      clientId,
      sides,
      lastEdit: (node) => edits.of(node),
      moved: () => share(),
      replaced,
    });
  };
  const left = open(leftId);
  const right = open(rightId);

  // Each pane learns the head of the log from the other, also while it is offline.
  const share = () => {
    log.paneIsAt("Left", left.client.eventId);
    log.paneIsAt("Right", right.client.eventId);
    for (const pane of [left, right]) pane.headIs(log.head);
  };
  offerExamples({ left, right });
  // Who follows a link to this page sees files at once. Who names a partition begins with an empty one.
  if (asked !== null) return;
  const fill = (): void => {
    if (left.client.eventId === 0 && left.client.pending.length === 0) left.submitter.submitAll(sampleFiles());
  };
  // It is not ready where the page has no token: the page says so.
  left.client.ready.then(fill, () => {});
}
