/** A demo: its address is `/<name>`, its page `<name>.html`, its script `<name>.ts`. */
export interface Demo {
  name: string;
  title: string;
  /** What it shows, in one sentence. */
  about: string;
  /** The drawing of its card: the content of an SVG of 64 by 40. */
  drawing: string;
}

/** All demos, in the order of their links. An entry here and the two files are a demo. */
export const demos: readonly Demo[] = [
  {
    name: "files",
    title: "Files",
    about: "Two people arrange the same folders. Switch off a network, edit on both sides, and switch it on again.",
    drawing:
      '<path class="fill" d="M8 8h9l3 3h12v9H8z" /><path d="M14 20v12h8M14 26h8" /><rect class="line" x="24" y="23" width="30" height="6" rx="2" /><rect class="line" x="24" y="31" width="22" height="6" rx="2" />',
  },
  {
    name: "text",
    title: "Text",
    about: "Two people type in one text, with each other’s cursor. What they type at the same time is merged.",
    drawing:
      '<path d="M8 9h30M8 17h44M8 25h20M8 33h36" /><path class="fill" d="M41 5h3v9h-3z" /><path class="other" d="M31 21h3v9h-3z" />',
  },
  {
    name: "seats",
    title: "Seats",
    about: "Two people choose seats in one hall. Nobody gets a seat that is taken, however late the news arrives.",
    drawing:
      '<rect class="fill" x="8" y="6" width="10" height="8" rx="2" /><rect class="line" x="22" y="6" width="10" height="8" rx="2" /><rect class="other" x="36" y="6" width="10" height="8" rx="2" /><rect class="line" x="8" y="18" width="10" height="8" rx="2" /><rect class="other" x="22" y="18" width="10" height="8" rx="2" /><rect class="fill" x="36" y="18" width="10" height="8" rx="2" /><path d="M6 34h44" />',
  },
  {
    name: "inventory",
    title: "Shop",
    about: "Two customers want the last ticket. A reservation holds it for ten minutes, and one of them can buy it.",
    drawing:
      '<path class="line" d="M8 12h12v12H8zM26 12h12v12H26z" /><path class="fill" d="M44 12h12v12H44z" /><path d="M4 28h56" />',
  },
  {
    name: "ledger",
    title: "Money",
    about: "Two accounts send, hold and receive money. It always adds up, and the same euro is never spent twice.",
    drawing:
      '<path d="M32 6v28M14 12h36" /><path class="fill" d="M6 22h16l-8-10z" /><path class="other" d="M42 22h16l-8-10z" /><path d="M24 34h16" />',
  },
  {
    name: "jobs",
    title: "Work",
    about: "Three workers share a queue. Kill one while it works: another one does its jobs, and each is done once.",
    drawing:
      '<path class="line" d="M8 8h18v6H8zM30 8h14v6H30z" /><path class="fill" d="M14 18h26v6H14z" /><path class="other" d="M8 28h12v6H8zM24 28h30v6H24z" />',
  },
];
