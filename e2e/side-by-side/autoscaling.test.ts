/**
 * Replicas that follow the load: it comes and they grow, it goes and they shrink once they have not been needed for a time, and
 * no request fails by that.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";
import { underLoad } from "../under-load.ts";

let scenario: Scenario;
const NAME = "scaled-ranker";
const PER_REPLICA = 20;
const RATE_PER_SECOND = 50;
const AUTOSCALING = {
  minReplicas: 1,
  maxReplicas: 4,
  metrics: [{ type: "Rate", target: PER_REPLICA }],
  forecast: "None",
  scaleIn: { after: "1m" },
};

/** 50 requests a second, of which a replica is to carry 20. */
const NEEDED = Math.ceil(RATE_PER_SECOND / PER_REPLICA);
/** A slot, the time to ask for it, and the pods; three times that. */
const OUT_SECONDS = 180;
/** The minute after which replicas go, and the one in which the load is averaged, twice, for at most half go at once. */
const IN_SECONDS = 600;

/** With time-outs far above what a pod may be kept waiting for a core while others begin beside it. */
function deployment(changes: object): object {
  return plainDeployment(NAME, {
    replicas: 1,
    traffic: { timeout: "8s", perTryTimeout: "1500ms" },
    ...changes,
  });
}

const asked = async () => (await scenario.status(NAME)).autoscaling?.replicas;
const pods = async () => (await scenario.pods("model-server", NAME)).length;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "autoscaling");
  await scenario.apply(deployment({ autoscaling: AUTOSCALING }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("a load that comes has more replicas, with no failed request", async () => {
  const report = await underLoad(
    scenario,
    NAME,
    async () => {
      await scenario.until("replicas for the load", asked, (replicas) => replicas === NEEDED, OUT_SECONDS);
      await scenario.until("their pods", pods, (count) => count === NEEDED, OUT_SECONDS);
      await scenario.waitFor(NAME, "Ready");
      await scenario.waitFor(NAME, "ScalingActive");
    },
    { ratePerSecond: RATE_PER_SECOND },
  );
  expect(report.failures).toEqual([]);
  expect((await scenario.status(NAME)).autoscaling).toMatchObject({ because: "Load", inPlaceOf: 1 });
}, 600_000);

test("a load that has gone leaves the fewest replicas, not at once", async () => {
  const { autoscaling: before } = await scenario.status(NAME);
  expect(before?.replicas).toBe(NEEDED);
  await scenario.until("the fewest replicas", asked, (replicas) => replicas === 1, IN_SECONDS);
  const { autoscaling: after } = await scenario.status(NAME);
  const lasted = Date.parse(after?.since ?? "") - Date.parse(before?.since ?? "");
  expect(lasted).toBeGreaterThanOrEqual(60_000);
  await scenario.until("its pod", pods, (count) => count === 1);
}, 900_000);

test("whoever takes the replicas over begins with those that there are", async () => {
  const atLeast3 = { ...AUTOSCALING, minReplicas: 3 };
  await scenario.apply(deployment({ autoscaling: atLeast3 }));
  await scenario.until("three replicas", pods, (count) => count === 3);
  await scenario.apply(deployment({ autoscaling: { ...atLeast3, owner: "None" } }));
  await scenario.until(
    "the hand-over",
    async () => (await scenario.status(NAME)).autoscaling?.because,
    (because) => because === "HandedBack",
  );
  expect(await pods()).toBe(3);
  await scenario.kubectl("scale", `modeldeployment/${NAME}`, "--replicas=2");
  await scenario.until("what a person scales to", pods, (count) => count === 2);
  expect((await scenario.status(NAME)).autoscaling).toBeUndefined();
}, 300_000);
