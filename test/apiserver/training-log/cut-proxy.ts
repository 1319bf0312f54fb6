/**
 * What stands between a program and its store, and does what networks do: passes everything on, nothing at all, or the
 * beginning of what the program sends.
 */
import { connect, createServer, type Socket } from "node:net";

/** A proxy on loopback. */
export interface CutProxy {
  readonly port: number;
  /** So many bytes of each new connection are passed on, and then nothing more. All that stand are broken. */
  pass(bytes: number): void;
  /** Whether a connection has reached the end of what is passed on. */
  readonly hasHeld: boolean;
  close(): Promise<void>;
}

/** Starts one that passes nothing on. */
export async function startCutProxy(target: { readonly port: number }): Promise<CutProxy> {
  let limit = 0;
  let hasHeld = false;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const store = connect(target.port, "127.0.0.1");
    keep(client);
    keep(store);
    store.pipe(client);
    client.on("close", () => store.destroy());
    store.on("close", () => client.destroy());
    let left = limit;
    client.on("data", (chunk) => {
      store.write(chunk.subarray(0, left));
      left = Math.max(0, left - chunk.length);
      if (left === 0) hasHeld = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  return {
    port: address.port,
    pass(bytes) {
      limit = bytes;
      hasHeld = false;
      for (const socket of sockets) socket.destroy();
    },
    get hasHeld() {
      return hasHeld;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
