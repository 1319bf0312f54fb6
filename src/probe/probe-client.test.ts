/** One request, on loopback: nothing counts as an answer but a whole one, in time. */
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { onLoopback } from "../process/testdata/on-loopback.ts";
import { ProbeClient } from "./probe-client.ts";

const sockets = new Set<Socket>();
const seen: unknown[] = [];
const drills: { readonly drill: unknown; readonly socket: Socket }[] = [];
let held = 0;
const server = createServer((request, response) => {
  sockets.add(request.socket);
  seen.push([request.method, request.headers["x-petrel-drill"]]);
  drills.push({ drill: request.headers["x-petrel-drill"], socket: request.socket });
  switch (request.url) {
    case "/good":
      response
        .writeHead(200, { "x-petrel-pool": "gpu", "x-petrel-revision": "r1", "x-petrel-fault": "-" })
        .end("{}");
      break;
    case "/fault":
      response.writeHead(503, { "x-petrel-pool": "gpu", "x-petrel-fault": "FI" }).end("{}");
      break;
    case "/cut":
      response.writeHead(200, { "content-length": "100", "x-petrel-pool": "gpu" });
      response.write("{");
      setTimeout(() => request.socket.destroy(), 20);
      break;
    default:
      held += 1;
  }
});
let port = 0;
onLoopback(server, (origin) => {
  port = Number(new URL(origin).port);
});

const clients: ProbeClient[] = [];
function client(path: string, toPort = port): ProbeClient {
  const target = { host: "127.0.0.1", port: toPort, path, body: Buffer.from("{}") };
  const made = new ProbeClient(target, systemClock);
  clients.push(made);
  return made;
}
afterEach(() => {
  for (const made of clients.splice(0)) made.close();
  sockets.clear();
  seen.length = 0;
  drills.length = 0;
});

const socketsOf = (key: string) =>
  new Set(drills.filter(({ drill }) => drill === key).map(({ socket }) => socket)).size;

test("an answer tells its status, who gave it and whether a fault did", async () => {
  expect(await client("/good").send("key", 5_000, "Mixed")).toMatchObject({
    status: 200,
    pool: "gpu",
    revision: "r1",
  });
  expect(await client("/good").send("key", 5_000, "Mixed")).not.toHaveProperty("faultFlag");
  expect(await client("/fault").send("key", 5_000, "Mixed")).toMatchObject({ status: 503, faultFlag: "FI" });
  expect(seen).toEqual([
    ["POST", "key"],
    ["POST", "key"],
    ["POST", "key"],
  ]);
});

test("an answer that is cut off is none", async () => {
  expect(await client("/cut").send("key", 5_000, "Mixed")).not.toHaveProperty("status");
});

test("what does not come in time is none, and holds nothing up", async () => {
  const hanging = client("/hang");
  const answers = await Promise.all(Array.from({ length: 20 }, () => hanging.send("key", 300, "Mixed")));
  expect(answers.every(({ status }) => status === undefined)).toBe(true);
  // All were sent at once, though none was answered.
  expect(held).toBe(20);
  expect(Math.min(...answers.map(({ milliseconds }) => milliseconds))).toBeGreaterThanOrEqual(299);
});

test("where nobody listens there is no answer", async () => {
  expect(await client("/good", 1).send("key", 5_000, "Mixed")).not.toHaveProperty("status");
});

test("half of the probes come on connections of their own, and all witnesses do, however the two mix", async () => {
  const mixed = client("/good");
  for (let sent = 0; sent < 10; sent += 1) await mixed.send("key", 5_000, "Mixed");
  // Five new ones, and one that is kept.
  expect(sockets.size).toBe(6);
  sockets.clear();
  for (let round = 0; round < 4; round += 1) {
    await mixed.send("key", 5_000, "Mixed");
    await mixed.send("key-witness", 5_000, "Own");
  }
  expect(sockets.size).toBe(4 + 2 + 1);
  expect(socketsOf("key-witness")).toBe(4);
});
