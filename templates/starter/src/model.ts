import { defineModel } from "partita/model";
import * as z from "zod/mini";

interface Task {
  text: string;
  done: boolean;
  /** Who has added it. */
  by: string;
}

const id = z.string().check(z.regex(/^[\w-]{1,64}$/));
const missing = { field: "payload.id", code: "MISSING", message: "Somebody has removed this task." };

/** A list of tasks that several people share. Server, client and tests run this code. */
export const tasks = defineModel({
  name: "tasks",
  version: 1,
  authors: "shown",
  initialState: () => ({ tasks: {} as Record<string, Task> }),
  events: {
    add: {
      payload: z.strictObject({ id, text: z.string().check(z.minLength(1), z.maxLength(200)) }),
      entity: ({ payload }) => payload.id,
      validate(state, { payload }) {
        if (!(payload.id in state.tasks)) return undefined;
        return { field: "payload.id", code: "EXISTS", message: "There is a task with this id." };
      },
      reduce(state, { payload, author }) {
        state.tasks[payload.id] = { text: payload.text, done: false, by: author ?? "" };
      },
      compensate: (_, { payload }) => ({ type: "remove", payload: { id: payload.id } }),
    },
    check: {
      payload: z.strictObject({ id, done: z.boolean() }),
      entity: ({ payload }) => payload.id,
      validate: (state, { payload }) => (payload.id in state.tasks ? undefined : missing),
      reduce(state, { payload }) {
        state.tasks[payload.id]!.done = payload.done;
      },
      compensate: (state, { payload }) => ({
        type: "check",
        payload: { id: payload.id, done: state.tasks[payload.id]!.done },
      }),
    },
    remove: {
      payload: z.strictObject({ id }),
      entity: ({ payload }) => payload.id,
      validate: (state, { payload }) => (payload.id in state.tasks ? undefined : missing),
      reduce(state, { payload }) {
        delete state.tasks[payload.id];
      },
    },
  },
});
