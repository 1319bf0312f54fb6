/**
 * The collector of a namespace as the operator keeps it, on an API in memory.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asList, valueAt } from "../api/json.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL } from "../api/names.ts";

const PEOPLE = { fieldManager: "people", force: true };
const DAY_MILLISECONDS = 86_400_000;
const quality = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
};

let clock: VirtualClock;
let server: MemoryApiServer;

beforeEach(() => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  startLeadingOperator(server, clock);
});

async function apply(spec: object, name = "ranker"): Promise<void> {
  await server.apply(modelDeploymentObject(name, spec), PEOPLE);
  await clock.advance(60_000);
}

const ofCollector = () =>
  server.objects().filter(({ metadata }) => metadata.labels?.[LABEL.component] === COMPONENT.collector);
const kinds = () =>
  ofCollector()
    .map(({ kind }) => kind)
    .toSorted();

function files(): Readonly<Record<string, string>> {
  const data = valueAt(
    ofCollector().find(({ kind }) => kind === "Secret"),
    "data",
  );
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(String(text), "base64").toString()]),
  );
}

/** Whether the Deployments of a part mount anything of the Secret. */
function mountsSecret(component: string): boolean {
  const deployments = server
    .objects()
    .filter(
      ({ kind, metadata }) => kind === "Deployment" && metadata.labels?.[LABEL.component] === component,
    );
  return JSON.stringify(deployments).includes("petrel-collector");
}

test("it stands while something is counted; its keys stay", async () => {
  await apply({});
  expect(kinds()).toEqual([]);
  await apply({ quality });
  expect(kinds()).toEqual(["NetworkPolicy", "Secret", "Service", "ServiceAccount", "StatefulSet"]);
  expect([mountsSecret(COMPONENT.router), mountsSecret(COMPONENT.modelServer)]).toEqual([true, true]);
  const before = files()["keys.json"];
  await server.delete({ resource: RESOURCE.modelDeployment, name: "ranker", namespace: "shop" }, {});
  await clock.advance(60_000);
  expect(kinds()).toEqual(["Secret"]);
  await apply({ quality }, "other");
  expect(files()["keys.json"]).toBe(before);
});

test("every model revision has a key as soon as there is one", async () => {
  await apply({ quality });
  const keysOf = () => Object.keys(files()).filter((key) => key.startsWith("key."));
  expect(keysOf()).toHaveLength(1);
  await apply({ quality, runtime: { intraOpThreads: 2 } });
  expect(keysOf()).toHaveLength(2);
});

test("what is counted is told as it changes, and keys stay", async () => {
  await apply({ quality });
  const before = files();
  expect(before["settings.json"]).toContain("30m");
  await apply({ quality: { ...quality, labels: [{ name: "click", matures: "31m" }] } });
  expect(files()["settings.json"]).toContain("31m");
  expect(files()["keys.json"]).toBe(before["keys.json"]);
});

test.each([
  ["is suspended", { suspend: true }],
  ["cannot be read", { pools: "one" }],
])("what %s is counted as it stands, whatever its spec has come to say", async (_what, spec) => {
  await apply({ quality });
  const before = files();
  await apply(spec);
  // Another one brings the collector to be looked at.
  await apply({ quality }, "other");
  expect(JSON.parse(files()["settings.json"] ?? "{}").deployments).toHaveLength(2);
  for (const key of Object.keys(before).filter((each) => each.startsWith("key."))) {
    expect(files()[key]).toBe(before[key]);
  }
  expect(mountsSecret(COMPONENT.router)).toBe(true);
});

test("what is no longer counted is forgotten", async () => {
  await apply({ quality });
  await apply({});
  expect(kinds()).toEqual(["Secret"]);
  expect(mountsSecret(COMPONENT.router)).toBe(false);
});

test("a Secret of somebody else under the name is left alone", async () => {
  const metadata = { name: "petrel-collector", namespace: "shop" };
  const theirs = { apiVersion: "v1", kind: "Secret", metadata, data: { "keys.json": "dGhlaXJz" } };
  await server.apply(theirs, PEOPLE);
  await apply({ quality });
  const standing = await server.get({
    resource: RESOURCE.secret,
    name: "petrel-collector",
    namespace: "shop",
  });
  expect(standing["data"]).toEqual(theirs.data);
});

test.each([
  ["keys.json", "no keys"],
  ["keys.json", undefined],
  ["access-tokens", ""],
])(
  "keys of which %s holds %j are not replaced: a condition says so, until they are back",
  async (key, text) => {
    await apply({ quality });
    const secret = ofCollector().find(({ kind }) => kind === "Secret");
    const whole = { ...Object(valueAt(secret, "data")) };
    const edit = async (data: object) => {
      const reference = { resource: RESOURCE.secret, name: "petrel-collector", namespace: "shop" };
      const { metadata } = await server.get(reference);
      await server.delete(reference, {});
      const { name, labels = {} } = metadata;
      const namespace = "shop";
      await server.apply(
        { apiVersion: "v1", kind: "Secret", metadata: { name, namespace, labels }, data },
        PEOPLE,
      );
      // Another one brings the collector to be looked at.
      await apply({ quality, replicas: 1 }, "other");
      await clock.advance(3_600_000);
    };
    const condition = () => {
      const ranker = server
        .objects()
        .find(({ kind, metadata }) => kind === "ModelDeployment" && metadata.name === "ranker");
      return asList(valueAt(ranker, "status", "conditions")).find(
        (one) => valueAt(one, "type") === "EvidenceReady",
      );
    };
    const torn = { ...whole };
    if (text === undefined) delete torn[key];
    else torn[key] = Buffer.from(text).toString("base64");
    await edit(torn);
    const standing = await server.get({
      resource: RESOURCE.secret,
      name: "petrel-collector",
      namespace: "shop",
    });
    expect(standing["data"]).toEqual(torn);
    expect(condition()).toMatchObject({
      status: "False",
      reason: "CollectorKeysUnusable",
      message: expect.stringContaining("expected the Secret petrel-collector to hold keys in keys.json"),
    });
    await edit(whole);
    expect(files()["keys.json"]).toBe(Buffer.from(String(whole["keys.json"]), "base64").toString());
    expect(condition()).toMatchObject({ status: "False", reason: "CollectorNotReady" });
  },
);

test("keys are exchanged as time goes on", async () => {
  await apply({ quality });
  const idsOf = () => JSON.parse(files()["keys.json"] ?? "{}").roots.map(({ id }: { id: number }) => id);
  const signing = () =>
    Object.entries(files()).flatMap(([key, text]) =>
      key.startsWith("key.") ? JSON.parse(text).keys.map(({ id }: { id: number }) => id) : [],
    );
  expect([idsOf(), signing()]).toEqual([[1], [1]]);
  await clock.advance(31 * DAY_MILLISECONDS);
  expect([idsOf(), signing()]).toEqual([[1, 2], [2]]);
  await clock.advance(10 * DAY_MILLISECONDS);
  expect([idsOf(), signing()]).toEqual([[2], [2]]);
}, 120_000);
