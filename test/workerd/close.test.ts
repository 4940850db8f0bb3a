import { describe, expect, it, vi } from "vitest";
import { answerClose } from "../../src/objects/sockets.ts";

/** A socket in the state in which the object sees it when its client has closed it. */
function socket(readyState: number, close = vi.fn<(code: number, reason: string) => void>()) {
  return { ws: { readyState, close } as unknown as WebSocket, close };
}

describe("the Close of a client", () => {
  it("[LC-5] is answered where the platform has not done it, by a code that can be sent", () => {
    const { ws, close } = socket(WebSocket.READY_STATE_CLOSING);
    answerClose(ws, 4001, "bye");
    answerClose(ws, 1006, "");
    expect(close.mock.calls).toEqual([
      [4001, "bye"],
      [1000, ""],
    ]);
  });

  it("[LC-5] is not answered again where the platform has done it", () => {
    const { ws, close } = socket(WebSocket.READY_STATE_CLOSED);
    answerClose(ws, 4001, "bye");
    expect(close).not.toHaveBeenCalled();
  });

  it("[LC-5] ends without an error where the socket is closed meanwhile", () => {
    const { ws } = socket(
      WebSocket.READY_STATE_CLOSING,
      vi.fn(() => {
        throw new TypeError("Can't call WebSocket close() after it is closed.");
      }),
    );
    expect(() => answerClose(ws, 1000, "")).not.toThrow();
  });
});
