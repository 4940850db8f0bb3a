// Another Worker, which has no part of Partita: it submits by its binding to the entrypoint of the authority.
import type { Written } from "partita";

interface Env {
  PARTITA: {
    partition(name: string): {
      submit(type: string, payload: object, options: { key: string }): Promise<Written>;
      state(): Promise<{ state: object }>;
    };
  };
}

interface Order {
  hall: string;
  seat: string;
  name: string;
  key: string;
}

export default {
  async fetch(request: Request, { PARTITA }: Env): Promise<Response> {
    const { hall, seat, name, key } = (await request.json()) as Order;
    const partition = PARTITA.partition(hall);
    const written = await partition.submit("book", { seat, name }, { key });
    return Response.json({ written, state: (await partition.state()).state });
  },
};
