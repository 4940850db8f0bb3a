import { isJsonObject, type JsonObject, type WireEvent } from "../protocol/index.ts";
import { root, target } from "./tree.ts";

/** The most nodes whose names are remembered. */
const namesMax = 10_000;

/** Describes the events of a tree by the names that its nodes had, which events do not contain. */
export class TreeHistory {
  readonly #names = new Map<string, string>();
  readonly #nameNow: (id: string) => string | undefined;

  /** `nameNow` returns the name of a node whose creation was not read. */
  constructor(nameNow: (id: string) => string | undefined) {
    this.#nameNow = nameNow;
  }

  clear(): void {
    this.#names.clear();
  }

  /** What the author of an event did. Called for each event once, in the order of the log. */
  describe({ type, payload }: WireEvent): string {
    const value = objectIn(payload["value"]);
    const options = objectIn(payload["options"]);
    const id = String(value["id"] ?? options["id"]);
    switch (type) {
      case "treePush": {
        this.#learn(id, value);
        return `added ${this.#quoted(id)} ${this.#into(options["parent"], "at the top", "in")}`;
      }
      case "treeUpdate": {
        const before = this.#quoted(id);
        this.#learn(id, value);
        const after = this.#quoted(id);
        return before === after ? `changed ${after}` : `renamed ${before} to ${after}`;
      }
      case "treeMove":
        return `moved ${this.#quoted(id)} ${this.#into(options["parent"], "to the top", "into")}${this.#beside(options["position"])}`;
      case "treeDelete":
        return `deleted ${this.#quoted(id)}`;
      case "init":
        return "began with an empty tree";
      case "set":
        return payload["target"] === target ? "began with an empty tree" : `set “${String(payload["target"])}”`;
      default:
        return type;
    }
  }

  #learn(id: string, { name }: JsonObject): void {
    if (typeof name !== "string") return;
    this.#names.delete(id);
    this.#names.set(id, name);
    if (this.#names.size > namesMax) this.#names.delete(this.#names.keys().next().value!);
  }

  #quoted(id: unknown): string {
    const name = this.#names.get(String(id)) ?? this.#nameNow(String(id));
    return name === undefined ? "an item" : `“${name}”`;
  }

  #into(parent: unknown, top: string, word: string): string {
    return (parent ?? root) === root ? top : `${word} ${this.#quoted(parent)}`;
  }

  #beside(position: unknown): string {
    const [beside] = Object.entries(objectIn(position));
    return beside ? `, ${beside[0]} ${this.#quoted(beside[1])}` : "";
  }
}

function objectIn(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
