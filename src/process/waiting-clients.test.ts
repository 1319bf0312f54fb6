import { Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { MAXIMUM_WAITING, WaitingClients } from "./waiting-clients.ts";

class Client extends Socket {
  override readonly remoteAddress: string;

  constructor(address: string) {
    super();
    this.remoteAddress = address;
  }
}

/** Clients of one server whose waits end only by their signals. */
class World {
  readonly clients = new WaitingClients();
  /** Who got no answer, in that order. */
  readonly gone: string[] = [];

  ask(address: string, socket = new Client(address)): Client {
    const wait = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    void this.clients.wait(socket, wait).then((hasCome) => {
      if (!hasCome) this.gone.push(address);
    });
    return socket;
  }

  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("no stranger keeps out who asks once, however often it asks, before and after", async () => {
  const world = new World();
  for (let count = 0; count < 3 * MAXIMUM_WAITING; count++) world.ask("stranger");
  world.ask("node");
  for (let count = 0; count < 3 * MAXIMUM_WAITING; count++) world.ask("stranger");
  await world.settled();
  expect(world.clients.count).toBe(MAXIMUM_WAITING);
  expect(world.gone).not.toContain("node");
  expect(world.gone).toHaveLength(5 * MAXIMUM_WAITING + 1);
});

test("nor do fewer strangers than there are places, together", async () => {
  const world = new World();
  const strangers = Array.from({ length: MAXIMUM_WAITING - 1 }, (_, index) => `stranger-${index}`);
  for (const stranger of [...strangers, ...strangers]) world.ask(stranger);
  world.ask("node");
  for (const stranger of strangers) world.ask(stranger);
  await world.settled();
  expect(world.gone).not.toContain("node");
});

test("as many addresses as places keep theirs: a newcomer finds none", async () => {
  const world = new World();
  for (let index = 0; index < MAXIMUM_WAITING; index++) world.ask(`address-${index}`);
  world.ask("late");
  await world.settled();
  expect(world.gone).toEqual(["late"]);
});

test("a connection has one place, free again when it has gone, and keeps no listener", async () => {
  const world = new World();
  const socket = new Client("a");
  for (let count = 0; count < 3; count++) world.ask("a", socket);
  await world.settled();
  expect([world.clients.count, world.gone.length]).toEqual([1, 2]);
  socket.emit("close");
  await world.settled();
  expect([world.clients.count, world.gone.length]).toEqual([0, 3]);
  expect(socket.listenerCount("close")).toBe(new Client("b").listenerCount("close"));
});

test("a wait that fails by itself is an error", async () => {
  const clients = new WaitingClients();
  const failing = clients.wait(new Client("a"), () => Promise.reject(new Error("broken")));
  await expect(failing).rejects.toThrow("broken");
  expect(clients.count).toBe(0);
});
