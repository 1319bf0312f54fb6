import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { RoutersQuestion } from "../core/rollout/gates/service-counts.ts";
import { firstTriesText, type TryWindow } from "../stats/first-tries.ts";
import { askRoutersOverHttp } from "./ask-routers.ts";

const MINUTE = 60_000;
const arm = (tries: number) => ({ tries, errors: 0, latencies: [tries, 0] });
const minute = (slot: number, tries: number): TryWindow => ({
  slot,
  minutes: 1,
  epoch: 7,
  candidate: arm(tries),
  stable: arm(9 * tries),
  uncompared: 0,
});
/** What a router says that has counted through the last one of these minutes. */
function told(...windows: TryWindow[]): string {
  const countedThrough = windows.at(-1)?.slot;
  return firstTriesText("ranker", {
    edgesMilliseconds: [5],
    windows,
    ...(countedThrough === undefined ? {} : { countedThrough }),
  });
}

/** Half a minute into minute 102. */
const clock = new VirtualClock(102.5 * MINUTE);

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Router {
  readonly status?: number;
  readonly text?: string;
  /** It never answers. */
  readonly hangs?: boolean;
}

/** Routers at loopback addresses of their own, on one port. */
async function routers(...answers: readonly Router[]) {
  const asked: string[] = [];
  let port = 0;
  for (const [index, { status = 200, text = told(), hangs = false }] of answers.entries()) {
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (!hangs) response.writeHead(status).end(text);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, `127.0.41.${index + 1}`, resolve));
    const address = server.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  }
  const question: RoutersQuestion = {
    type: "Routers",
    deployment: "ranker",
    addresses: answers.map((_, index) => `127.0.41.${index + 1}`),
    fromMilliseconds: 100 * MINUTE,
    epochs: { first: 7, last: 7 },
  };
  const ask = (changes: Partial<RoutersQuestion> = {}, signal = new AbortController().signal) =>
    askRoutersOverHttp(port, clock)({ ...question, ...changes }, signal);
  return { asked, ask };
}

test("adds what all routers counted for the step", async () => {
  const { asked, ask } = await routers(
    { text: told(minute(99, 1), minute(100, 2)) },
    { text: told(minute(100, 3), minute(101, 4)) },
  );
  const { windows } = await ask();
  expect(windows.map(({ slot, candidate, stable }) => [slot, candidate.tries, stable.tries])).toEqual([
    [100, 5, 45],
    [101, 4, 36],
  ]);
  expect(asked).toEqual(Array(2).fill("GET /first-tries?deployment=ranker"));
});

test.each<[what: string, other: Router, message: RegExp]>([
  ["that does not know the path", { status: 404, text: "not found" }, /answered with 404/],
  [
    "that tells of something else",
    { text: told().replace("ranker", "other") },
    /deployment: expected "ranker"/,
  ],
  ["that is cut off", { text: told().slice(0, -5) }, /a whole answer in JSON/],
  ["that says too much", { text: " ".repeat(5 * 2 ** 20) }, /bytes/],
  ["that counts in other buckets", { text: told(minute(100, 2)).replace("[5]", "[6]") }, /same buckets/],
  ["that has counted nothing", {}, /router 127\.0\.41\.2:\d+ has not counted/],
  ["that was blind for the last minutes", { text: told(minute(98, 2)) }, /2:\d+ has not counted/],
  ["that counts for another plan", { text: told({ ...minute(101, 2), epoch: 8 }) }, /2:\d+ has not counted/],
])("with one router %s there is no evidence", async (_what, other, message) => {
  const { ask } = await routers({ text: told(minute(100, 2)) }, other);
  await expect(ask()).rejects.toThrow(message);
});

test("a router that counts through the last three minutes is evidence, one of before is not", async () => {
  const from = { fromMilliseconds: 0 };
  const { ask } = await routers({ text: told(minute(99, 2)) });
  expect((await ask(from)).countedThrough).toBe(99);
  const late = await routers({ text: told(minute(98, 2)) });
  await expect(late.ask(from)).rejects.toThrow("has not counted");
});

test("without a router, or at what is no address, nothing is asked", async () => {
  const { asked, ask } = await routers({});
  await expect(ask({ addresses: [] })).rejects.toThrow("no router takes requests");
  await expect(ask({ addresses: ["example.com"] })).rejects.toThrow("expected the IP address of a router");
  expect(asked).toEqual([]);
});

test("who gives the question up ends it", async () => {
  const { asked, ask } = await routers({ hangs: true });
  const given = new AbortController();
  const answer = ask({}, given.signal);
  const refused = expect(answer).rejects.toThrow();
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  given.abort(new Error("not asked any more"));
  await refused;
});
