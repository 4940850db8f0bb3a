/** More names than the events of a busy time have. */
const namesMax = 1_000;

const texts = new Map<string, string>();

/** The JSON text of a name that comes again with almost every event, as that of its type: a look-up takes a quarter of the time. */
export function nameText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    text = JSON.stringify(name);
    if (texts.size >= namesMax) texts.clear();
    texts.set(name, text);
  }
  return text;
}
