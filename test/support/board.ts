import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";

type Role = "owner" | "editor" | "viewer";

interface Board {
  members: Record<string, { name: string; role: Role }>;
  link?: string;
  cards: Record<string, { text: string; by: string }>;
}

const viewing = ["read", "leave"];
const editing = [...viewing, "write", "erase"];
const actions: Record<Role, readonly string[]> = {
  viewer: viewing,
  editor: editing,
  owner: [...editing, "share", "setRole", "remove"],
};
const name = z.string().check(z.minLength(1), z.maxLength(80));
const id = z.string().check(z.regex(/^[\w-]{1,64}$/));
const notMember = { field: "payload.member", code: "NO_MEMBER", message: "Nobody here has this name." };

export const board = defineModel({
  name: "board",
  version: 1,
  initialState: (): Board => ({ members: {}, cards: {} }),
  authors: "pseudonym",
  authorize(state, { author }, action) {
    // A board that nobody has founded shows nothing, and belongs to the first who does.
    if (Object.keys(state.members).length === 0) return action === "read" || action === "found";
    if (action === "join") return true;
    const member = author === undefined ? undefined : state.members[author];
    return member !== undefined && actions[member.role].includes(action);
  },
  invariants: {
    "a board has an owner": ({ members }) => {
      const all = Object.values(members);
      return all.length === 0 || all.some(({ role }) => role === "owner");
    },
  },
  events: {
    found: {
      payload: z.strictObject({ name }),
      reduce(state, { payload, author }) {
        state.members[author!] = { name: payload.name, role: "owner" };
      },
    },
    share: {
      // Null: the link is not valid any more.
      payload: z.strictObject({ link: z.nullable(z.string().check(z.minLength(20), z.maxLength(80))) }),
      reduce(state, { payload }) {
        if (payload.link === null) delete state.link;
        else state.link = payload.link;
      },
    },
    join: {
      payload: z.strictObject({ link: z.string(), name }),
      validate(state, { payload, author }) {
        if (state.link !== payload.link) {
          return { field: "payload.link", code: "UNKNOWN_LINK", message: "This link is not valid: ask for a new one." };
        }
        if (state.members[author!]) return { field: "", code: "MEMBER", message: "You are a member already." };
        return undefined;
      },
      reduce(state, { payload, author }) {
        // The link is in the log, for every member to read: so it gives no more than the least.
        state.members[author!] = { name: payload.name, role: "viewer" };
      },
    },
    setRole: {
      payload: z.strictObject({ member: id, role: z.enum(["owner", "editor", "viewer"]) }),
      validate: (state, { payload }) => (state.members[payload.member] ? undefined : notMember),
      reduce(state, { payload }) {
        state.members[payload.member]!.role = payload.role;
      },
    },
    remove: {
      payload: z.strictObject({ member: id }),
      validate: (state, { payload }) => (state.members[payload.member] ? undefined : notMember),
      reduce(state, { payload }) {
        delete state.members[payload.member];
        // Who is removed knows it.
        delete state.link;
      },
    },
    leave: {
      payload: z.strictObject({}),
      reduce(state, { author }) {
        delete state.members[author!];
      },
    },
    write: {
      payload: z.strictObject({ id, text: z.string() }),
      entity: ({ payload }) => payload.id,
      reduce(state, { payload, author }) {
        state.cards[payload.id] = { text: payload.text, by: author! };
      },
    },
    erase: {
      payload: z.strictObject({ id }),
      entity: ({ payload }) => payload.id,
      validate: (state, { payload }) =>
        state.cards[payload.id]
          ? undefined
          : { field: "payload.id", code: "NO_CARD", message: "This card is not there any more." },
      reduce(state, { payload }) {
        delete state.cards[payload.id];
      },
    },
  },
});
