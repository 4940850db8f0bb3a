/** Names for the users of the panes. */
const people =
  "Ada Ben Cleo Dov Eve Finn Gus Hana Ian Jun Kit Lou Max Nia Ole Pia Quin Ria Sol Tess Uma Vik Wes Yara Zoe".split(
    " ",
  );
const storageKey = "partita-demo-clients";

/**
 * The client ids of the two panes, such as `ada-3f2a9c1b`. The browser's tab stores them, so that after a reload the same
 * clients send their queued drafts. Another tab has two other ids.
 */
export function clientIds(): [left: string, right: string] {
  const kept = sessionStorage.getItem(storageKey)?.split(" ");
  if (kept?.[0] && kept[1]) return [kept[0], kept[1]];
  const left = Math.floor(Math.random() * people.length);
  const right = (left + 1 + Math.floor(Math.random() * (people.length - 1))) % people.length;
  const tag = crypto.randomUUID().slice(0, 8);
  const ids: [string, string] = [`${people[left]!.toLowerCase()}-${tag}`, `${people[right]!.toLowerCase()}-${tag}`];
  sessionStorage.setItem(storageKey, ids.join(" "));
  return ids;
}

/**
 * The client of who made an event or shows a presence. The server says who that is: in open development mode, the author
 * is `dev:` and the client id. A client id alone is what a client says of itself.
 */
export function clientOf({ author, clientId }: { author?: string; clientId: string }): string {
  // A pseudonym says nothing here.
  return author?.startsWith("dev:") ? author.slice("dev:".length) : clientId;
}

/** The person of a client id; the id itself if this page did not create it. */
export function personOf(clientId: string): string {
  const [, name] = /^([a-z]+)-[0-9a-f]{8}$/.exec(clientId) ?? [];
  return name === undefined ? clientId : name.charAt(0).toUpperCase() + name.slice(1);
}

/** A text of a model for a reader: the people of these pages by their names, and not by the ids of their clients. */
export function namedIn(text: string): string {
  return text.replaceAll(/"([a-z]+-[0-9a-f]{8})"/g, (quoted, id: string) => {
    const name = personOf(id);
    return people.includes(name) ? name : quoted;
  });
}
