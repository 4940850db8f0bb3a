/** The versions of Node that are run, newest patch of each. 22 is the one of the repository. */
export const nodeVersions = { 20: "20.20.2", 22: undefined, 24: "24.22.3" } as const;

export interface Consumer {
  name: string;
  /** Its folder here. */
  folder: string;
  /** Versions in place of those of its `package.json`. */
  versions?: Readonly<Record<string, string>>;
  /** Default: 22. */
  node?: keyof typeof nodeVersions;
  /** What is run in place of its script `test`. */
  script?: string;
  /** The configurations of the Workers that are served together, the one that is reached first. Default: `wrangler.toml`. */
  configurations?: readonly string[];
}

/** The oldest and the newest version of what an application brings itself. */
const oldest = { zod: "4.1.0", typescript: "5.7.3" };
const newest = { zod: "4", typescript: "7.0.2" };

/** The program whose Worker is the server of all others. */
export const server: Consumer = {
  name: "worker",
  folder: "worker",
  configurations: ["wrangler.toml", "billing/wrangler.toml"],
};

/** What `npm run consumers` runs. */
export const consumers: readonly Consumer[] = [
  server,
  { name: "worker-oldest", folder: "worker", versions: oldest },
  { name: "worker-newest", folder: "worker", versions: newest },
  { name: "worker-types", folder: "worker", script: "types" },
  { name: "nodenext", folder: "nodenext" },
  { name: "nodenext-oldest", folder: "nodenext", versions: oldest },
  { name: "nodenext-newest", folder: "nodenext", versions: newest },
  { name: "bundler", folder: "bundler" },
  { name: "bundler-oldest", folder: "bundler", versions: { ...oldest, react: "18.3.1", "@types/react": "18.3.28" } },
  { name: "bundler-newest", folder: "bundler", versions: newest },
  { name: "node-20", folder: "node", node: 20 },
  { name: "node-22", folder: "node", node: 22 },
  { name: "node-24", folder: "node", node: 24 },
  { name: "bundlers", folder: "bundlers" },
  { name: "vitest", folder: "vitest" },
  { name: "jest", folder: "jest" },
];

/** The app of the guide's section on Next.js. `guide.ts` */
export const next: Consumer = { name: "next", folder: "next" };
