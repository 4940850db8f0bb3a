/** One message of the stream. */
export interface Click {
  user: string;
  kind: string;
  at: number;
}

interface Message {
  readonly id: string;
  readonly body: Click;
  ack(): void;
  retry(): void;
}

interface Writer {
  submit(type: "seen", payload: Omit<Click, "user">, options: { key: string }): Promise<{ status: string }>;
}

/** Each message counts once, however often it is delivered: its id is the key. */
export async function consume(messages: readonly Message[], writerOf: (partition: string) => Writer): Promise<void> {
  for (const message of messages) {
    const { user, kind, at } = message.body;
    try {
      const { status } = await writerOf(`features:${user}`).submit("seen", { kind, at }, { key: message.id });
      // A rejection is final, too: the message will never fit.
      if (status === "refused") message.retry();
      else message.ack();
    } catch {
      // Nothing is known. The retry finds out.
      message.retry();
    }
  }
}
