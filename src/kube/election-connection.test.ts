/**
 * An election over real connections: what hangs beside it, or in it, does not cost the lead. Time is virtual, so that
 * only what the server was asked decides when it goes on.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  answer,
  LEASE_REFERENCE,
  leaseAnswer,
  MisbehavingServer,
} from "../../test/contract/misbehaving-server.ts";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { settle, VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { parseJson } from "../api/json.ts";
import { MAXIMUM_CALL_SOCKETS } from "./http-connection.ts";
import { DEFAULT_LEASE_TIMES, ELECTION_BOUNDS, runLeaderElection } from "./leader-election.ts";
import { createTransport, DEFAULT_TRANSPORT_BOUNDS, type Transport } from "./transport.ts";

let server: MisbehavingServer;
let clock: VirtualClock;
let transports: Transport[];
let stored: unknown;
/** Renewals that the server has answered. */
let renewals: number;
/** Requests for the lease that are not answered. */
let hanging: number;

beforeEach(async () => {
  clock = new VirtualClock();
  transports = [];
  stored = leaseAnswer();
  renewals = 0;
  hanging = 0;
  server = new MisbehavingServer();
  server.handle = ({ method }, response, body) => {
    if (server.seen.at(-1)?.url.includes("/leases/") !== true) return;
    if (hanging > 0) {
      hanging -= 1;
      return;
    }
    if (method === "PUT") {
      stored = parseJson(body);
      renewals += 1;
    }
    answer(response, 200, stored);
  };
  await server.start();
});

afterEach(async () => {
  for (const transport of transports) transport.close();
  await server.stop();
});

function connect(bounds = {}): Transport {
  const transport = createTransport({ endpoint: server.endpoint(), clock, userAgent: "test/1", bounds });
  transports.push(transport);
  return transport;
}

/** Lets sockets and promises go on until it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settle();
}

/** An election that leads until it is stopped or loses the lead. */
function elect() {
  const stop = new AbortController();
  let isLost = false;
  const ended = runLeaderElection(
    {
      port: connect(ELECTION_BOUNDS),
      namespace: LEASE_REFERENCE.namespace,
      name: LEASE_REFERENCE.name,
      identity: "one",
      clock,
      random: () => 0,
      log: silentLogger,
      lead: (lost) =>
        new Promise((resolve) => {
          stop.signal.addEventListener("abort", () => resolve());
          lost.addEventListener("abort", () => {
            isLost = true;
            resolve();
          });
        }),
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort();
    return await ended;
  };
  return { isLost: () => isLost, end };
}

test("goes on while every other call hangs, more of them than there are connections and tokens", async () => {
  const other = connect();
  const calls = MAXIMUM_CALL_SOCKETS + DEFAULT_TRANSPORT_BOUNDS.rateLimit.burst;
  const pod = { ...LEASE_REFERENCE, resource: { ...LEASE_REFERENCE.resource, plural: "pods", kind: "Pod" } };
  const failures = Array.from({ length: calls }, () => other.get(pod).catch(() => {}));
  await until(() => server.seen.length === MAXIMUM_CALL_SOCKETS);
  const { isLost, end } = elect();
  await until(() => renewals === 1);
  for (let round = 2; round <= 5; round++) {
    await clock.advance(DEFAULT_LEASE_TIMES.retryPeriodSeconds * 1000);
    await until(() => renewals === round);
  }
  expect(isLost()).toBe(false);
  expect(await end()).toBe("Stopped");
  other.close();
  await server.stop();
  await clock.advance(120_000);
  await Promise.all(failures);
});

test("outlives one answer that never comes", async () => {
  const { isLost, end } = elect();
  await until(() => renewals === 1);
  hanging = 1;
  await clock.advance(DEFAULT_LEASE_TIMES.retryPeriodSeconds * 1000);
  await until(() => hanging === 0);
  // It is given up, and tried again after the usual time: before the lead is lost.
  await clock.advance(ELECTION_BOUNDS.callTimeoutMilliseconds);
  await clock.advance(DEFAULT_LEASE_TIMES.retryPeriodSeconds * 1000);
  await until(() => renewals === 2 || isLost());
  expect(isLost()).toBe(false);
  expect(await end()).toBe("Stopped");
});
