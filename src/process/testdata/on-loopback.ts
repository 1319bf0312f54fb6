/** A server on loopback for the tests of a file. */
import type { Server } from "node:http";
import { afterAll, beforeAll } from "@jest/globals";

/** Has it listen on a free port before the first test, tells its origin then, and ends it after the last. */
export function onLoopback(server: Server, begin: (origin: string) => void): void {
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("expected a port");
    begin(`http://127.0.0.1:${address.port}`);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
}
