/**
 * How a router's Envoy splits users between two revisions: the real Envoy, stand-ins for model servers, all on
 * loopback.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { PlannedPool, TrafficPlan } from "../../src/api/traffic-plan.ts";
import { armOf } from "../../src/stats/arm-check.ts";
import { newPlan } from "./router-envoy/controlled-envoy.ts";
import { endpoint, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, withClients } from "./router-envoy/open-loop.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 67;
const USERS = 2_000;
/** Requests that are under way at once. */
const AT_ONCE = 50;
const HEADER = "x-user-id";

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

const next: PlannedPool = { pool: "gpu", revision: "r2", replicas: 1 };

/** The candidate is the third stand-in. */
async function split(weight: number, stickiness?: TrafficPlan["stickiness"]): Promise<TrafficPlan> {
  // Stable first: the router puts the candidate first by itself.
  return await newPlan(
    [
      { name: "Stable", weight: 10_000 - weight, pools: [gpu] },
      { name: "Candidate", weight, pools: [next, gpu] },
    ],
    stickiness === undefined ? {} : { stickiness },
  );
}

const endpoints = () => [
  ...world.first.map((ip) => endpoint(ip, "gpu")),
  endpoint(world.second, "gpu", "r2"),
];

/** Which revision answers each of the users. Throws on a failed request. */
async function revisionsOf(
  client: Client,
  headersOf: (user: number) => Readonly<Record<string, string>>,
): Promise<readonly (string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (let first = 0; first < USERS; first += AT_ONCE) {
    const users = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    await Promise.all(
      users.map(async (user) => {
        const { status, headers } = await client.send(Buffer.from("{}"), headersOf(user));
        if (status !== client.good) throw new Error(`user ${user} got ${status}`);
        const revision = headers["x-petrel-revision"];
        found[user] = typeof revision === "string" ? revision : undefined;
      }),
    );
  }
  return found;
}

/** Which of the users the candidate answers. Throws on a failed request. */
async function candidateUsers(
  client: Client,
  headersOf: (user: number) => Readonly<Record<string, string>>,
): Promise<ReadonlySet<number>> {
  const revisions = await revisionsOf(client, headersOf);
  return new Set(revisions.flatMap((revision, user) => (revision === "r2" ? [user] : [])));
}

const byUser = (user: number) => ({ [HEADER]: `user-${user}` });

/** Four standard deviations of a share of all users. */
function expectShare(count: number, share: number): void {
  const tolerance = 4 * Math.sqrt((share * (1 - share)) / USERS);
  expect(Math.abs(count / USERS - share)).toBeLessThanOrEqual(tolerance);
}

describe("a user keeps the revision", () => {
  test("with every request, over both protocols, and with a growing share nobody leaves the candidate", () =>
    world.undisturbed(async () => {
      const stickiness = { header: HEADER, anonymous: "Random", salt: "ranker-2" } as const;
      const small = await split(1_000, stickiness);
      await world.envoy.serve("sticky", small, endpoints());
      const [first, again, grpc] = await withClients(small.port, async (clients) => [
        await candidateUsers(clients.rest, byUser),
        await candidateUsers(clients.rest, byUser),
        await candidateUsers(clients.grpc, byUser),
      ]);
      expectShare(first?.size ?? 0, 0.1);
      expect(again).toEqual(first);
      expect(grpc).toEqual(first);

      const large = { ...(await split(3_000, stickiness)), port: small.port, epoch: small.epoch + 1 };
      await world.envoy.serve("sticky", large, endpoints());
      const ramped = await withClients(small.port, ({ rest }) => candidateUsers(rest, byUser));
      expectShare(ramped.size, 0.3);
      expect([...(first ?? [])].filter((user) => !ramped.has(user))).toEqual([]);
      world.envoy.forget("sticky");
    }));

  test("and another salt chooses other users", () =>
    world.undisturbed(async () => {
      const chosen: ReadonlySet<number>[] = [];
      for (const salt of ["ranker-2", "ranker-3"]) {
        const plan = await split(5_000, { header: HEADER, anonymous: "Random", salt });
        await world.envoy.serve(`salt-${salt}`, plan, endpoints());
        chosen.push(await withClients(plan.port, ({ rest }) => candidateUsers(rest, byUser)));
        world.envoy.forget(`salt-${salt}`);
      }
      const [one, two] = chosen;
      const both = [...(one ?? [])].filter((user) => two?.has(user) === true).length;
      expectShare(both, 0.25);
    }));
});

test("the arms of an experiment get the users that their weights and its salt say", () =>
  world.undisturbed(async () => {
    const arm = (revision: string): PlannedPool => ({ pool: "gpu", revision, replicas: 1 });
    const salt = "wide-1";
    const weights = [1_000, 2_000, 4_000, 3_000];
    const plan = await newPlan(
      [
        { name: "ArmA", weight: 1_000, pools: [arm("r2"), arm("r1")] },
        { name: "ArmB", weight: 2_000, pools: [arm("r3"), arm("r1")] },
        { name: "Stable", weight: 4_000, pools: [arm("r1")] },
        { name: "Holdout", weight: 3_000, pools: [arm("r1")] },
      ],
      { stickiness: { header: HEADER, anonymous: "Random", salt } },
    );
    const [one, two] = world.first;
    const served = [endpoint(one, "gpu"), endpoint(world.second, "gpu", "r2"), endpoint(two, "gpu", "r3")];
    await world.envoy.serve("experiment", plan, served);
    const found = await withClients(plan.port, ({ rest }) => revisionsOf(rest, byUser));
    const expected = found.map(
      (_, user) => ["r2", "r3", "r1", "r1"][armOf(`user-${user}`, salt, weights) ?? 4],
    );
    expect(found).toEqual(expected);
    world.envoy.forget("experiment");
  }));

describe("a request without a user", () => {
  test.each([
    ["Random", 0.3],
    ["Stable", 0],
  ] as const)("goes by %s", (anonymous, share) =>
    world.undisturbed(async () => {
      const plan = await split(3_000, { header: HEADER, anonymous, salt: "ranker-2" });
      const name = `anonymous-${anonymous.toLowerCase()}`;
      await world.envoy.serve(name, plan, endpoints());
      await withClients(plan.port, async ({ rest, grpc }) => {
        for (const client of [rest, grpc]) {
          expectShare((await candidateUsers(client, () => ({}))).size, share);
          // An empty header names nobody: hashed, all of them would go the same way.
          expectShare((await candidateUsers(client, () => ({ [HEADER]: "" }))).size, share);
        }
      });
      world.envoy.forget(name);
    }),
  );

  test("is split by chance where no stickiness is asked for", () =>
    world.undisturbed(async () => {
      const plan = await split(1_000);
      await world.envoy.serve("unsticky", plan, endpoints());
      const found = await withClients(plan.port, ({ rest }) => candidateUsers(rest, byUser));
      expectShare(found.size, 0.1);
      world.envoy.forget("unsticky");
    }));
});
