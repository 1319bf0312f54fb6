/** Something that listens where the sidecar would, in the process of a test. */
import { createServer, type Server, type Socket } from "node:net";
import { FrameStream } from "../../tap/frame-stream.ts";
import {
  emptyEvent,
  FRAME_KIND,
  KIND_OFFSET,
  readEvent,
  readGreeting,
  type TapEvent,
  type TapGreeting,
} from "../../tap/tap-event.ts";

export interface TapConsumer {
  readonly greetings: TapGreeting[];
  readonly events: TapEvent[];
  /** Ends all connections and listens no more. */
  readonly close: () => Promise<void>;
}

/** Listens. With `isReading` false it takes connections and reads nothing. */
export async function startConsumer(path: string, isReading = true): Promise<TapConsumer> {
  const greetings: TapGreeting[] = [];
  const events: TapEvent[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    if (!isReading) {
      socket.pause();
      return;
    }
    const stream = new FrameStream((view, start, end) => {
      if (view.getUint8(start + KIND_OFFSET) === FRAME_KIND.greeting) {
        const greeting = readGreeting(Buffer.from(view.buffer, view.byteOffset + start, end - start));
        if (greeting === undefined) throw new Error("expected a greeting");
        greetings.push(greeting);
        return true;
      }
      const event = emptyEvent();
      if (!readEvent(view, start, end, event)) throw new Error("expected an event");
      events.push({ ...event, values: event.values.slice(0, event.describedRows * event.columns) });
      return true;
    });
    socket.on("data", (piece) => stream.push(piece));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    greetings,
    events,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
