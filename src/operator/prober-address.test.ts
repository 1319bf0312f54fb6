/** Who is asked as the prober of a drill: the pod of the Job that was made for it, and nobody who only looks like one. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { API_GROUP_VERSION, COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import { proberJobName } from "../core/child-names.ts";
import { decide } from "../core/decide.ts";
import { drillKey } from "../core/drill/plan-drill.ts";
import { type Caches, createCaches } from "./caches.ts";
import { proberAddress } from "./prober-address.ts";

const PEOPLE = { fieldManager: "people" };
const KEY = "shop/ranker";
const DRILL = "uid-of-the-drill";
const LABELS = {
  [LABEL.managedBy]: MANAGED_BY,
  [LABEL.modelDeployment]: "ranker",
  [LABEL.component]: COMPONENT.prober,
};

let clock: VirtualClock;
let server: MemoryApiServer;
let caches: Caches;
let stop: AbortController;
/** Uid of the ModelDeployment, and of the Job of the drill. */
let uids: { readonly deployment: string; readonly job: string };

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  stop = new AbortController();
  caches = createCaches({ port: server, clock, random: () => 0.5, log: silentLogger });
  const { metadata } = await server.create(modelDeploymentObject("ranker", spec()), PEOPLE);
  const { uid: deployment = "" } = metadata;
  uids = { deployment, job: await makeJob(DRILL, deployment) };
  for (const cache of [caches.modelDeployments, caches.pods, caches.children.get("Job")])
    void cache?.run(stop.signal);
});
afterEach(() => stop.abort());

const ownedBy = (apiVersion: string, kind: string, uid: string, controller = true) => ({
  ownerReferences: [{ apiVersion, kind, name: "owner", uid, controller }],
});

async function makeJob(drill: string, owner: string): Promise<string> {
  const name = proberJobName("ranker", drill);
  const of = ownedBy(API_GROUP_VERSION, "ModelDeployment", owner);
  const metadata = { name, namespace: "shop", labels: LABELS, ...of };
  const job = await server.create({ apiVersion: "batch/v1", kind: "Job", metadata, spec: {} }, PEOPLE);
  return job.metadata.uid ?? "";
}

interface Made {
  readonly namespace?: string;
  /** Uid of the Job that it says to belong to. */
  readonly job?: string;
  readonly controller?: boolean;
  readonly status?: object;
}

/** A pod with all the labels of a prober. */
async function makePod(name: string, podIP: string, made: Made = {}): Promise<void> {
  const { namespace = "shop", job = uids.job, controller = true, status = {} } = made;
  const owner = job === "" ? {} : ownedBy("batch/v1", "Job", job, controller);
  const labels = { ...LABELS, [LABEL.drill]: DRILL };
  const head = { apiVersion: "v1", kind: "Pod" };
  await server.create({ ...head, metadata: { name, namespace, labels, ...owner }, spec: {} }, PEOPLE);
  const told = { ...head, metadata: { name, namespace }, status: { podIP, ...status } };
  await server.apply(told, { fieldManager: "kubelet", force: true, subresource: "status" });
  await clock.advance(1_000);
}

const asked = () => proberAddress(caches, KEY, DRILL);

test("the pod of the Job of the drill is asked, once it has an address", async () => {
  await clock.advance(1_000);
  expect(asked()).toBeUndefined();
  await makePod("real", "10.0.0.1");
  expect(asked()).toBe("10.0.0.1");
  expect(proberAddress(caches, KEY, "uid-of-another")).toBeUndefined();
  expect(proberAddress(caches, "shop/other", DRILL)).toBeUndefined();
});

test.each<[string, () => Promise<Made>]>([
  ["belongs to nothing", async () => ({ job: "" })],
  ["belongs to another Job", async () => ({ job: "uid-of-some-job" })],
  ["is in another namespace", async () => ({ namespace: "elsewhere" })],
  ["is not controlled by the Job", async () => ({ controller: false })],
  ["is of the Job of another drill", async () => ({ job: await makeJob("other", uids.deployment) })],
  [
    "is of a Job of a former ModelDeployment",
    async () => ({ job: await makeJob("former", "uid-of-former") }),
  ],
])("one that has the labels and %s is not asked", async (_what, made) => {
  await makePod("a-stranger", "10.6.6.6", await made());
  expect(asked()).toBeUndefined();
  await makePod("real", "10.0.0.1");
  expect(asked()).toBe("10.0.0.1");
});

test("nobody is asked for a Job that another ModelDeployment of the name has left", async () => {
  const drill = "of-a-former-one";
  await makePod("left", "10.0.0.1", { job: await makeJob(drill, "uid-of-former") });
  expect(proberAddress(caches, KEY, drill)).toBeUndefined();
});

test("of several the first that runs is asked, whatever they are called", async () => {
  await makePod("z", "10.0.0.1");
  await makePod("a", "10.0.0.2");
  expect(asked()).toBe("10.0.0.1");
});

test("one that has ended is asked after one that runs", async () => {
  await makePod("ended", "10.0.0.1", { status: { phase: "Failed" } });
  expect(asked()).toBe("10.0.0.1");
  await makePod("runs", "10.0.0.2");
  expect(asked()).toBe("10.0.0.2");
});

test("an operator hands the key of a drill to its prober alone", async () => {
  const heard: string[] = [];
  const operator = startLeadingOperator(server, clock, {
    // As while the drill has its turn.
    decide: (observation) => ({ ...decide(observation), remove: [], probing: DRILL }),
    askProber: async (address, key) => {
      heard.push(`${address} ${key}`);
      throw new Error("nothing is counted yet");
    },
  });
  await makePod("a-stranger", "10.6.6.6", { namespace: "elsewhere" });
  await makePod("real", "10.0.0.1");
  await clock.advance(5_000);
  operator.stop();
  expect(new Set(heard)).toEqual(new Set([`10.0.0.1 ${drillKey(DRILL)}`]));
});
