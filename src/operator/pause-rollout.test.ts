/**
 * A pause that follows from an anomaly is written into the ModelRollout: beside what people write there, into this very one,
 * and only where nobody has said anything since.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { applyChild, createChild } from "../kube/apply.ts";
import { modelRollout, rolloutPause } from "../render/model-deployment-children.ts";
import { execute } from "./execute.ts";

const NAME = "ranker-release-2";
const BECAUSE = "metric:ctr was 0.01, expected 0.03 to 0.05, since 2026-01-01T00:00:00Z";
const target = { resource: RESOURCE.modelRollout, name: NAME, namespace: "shop" };
const owner = { name: "ranker", namespace: "shop", uid: "uid" };
const child = modelRollout(owner, NAME, {
  ...{ modelDeployment: "ranker", revision: "ranker-b", number: 2, strategy: { type: "BlueGreen" } },
});

let server: MemoryApiServer;
let uid: string;

beforeEach(async () => {
  server = new MemoryApiServer(new VirtualClock());
  uid = (await createChild(server, child)).metadata.uid ?? "";
});

/** As `petrel pause` and `petrel resume` do. */
function people(spec: object): Promise<KubeObject> {
  const { apiVersion, kind } = child;
  const object = { apiVersion, kind, metadata: { name: NAME, namespace: "shop" }, spec };
  return server.apply(object, { fieldManager: "petrel-cli-pause", force: true });
}

function pause(confirm: () => Promise<void> = async () => {}, of = uid) {
  const writes = {
    apply: [],
    remove: [],
    pause: rolloutPause("shop", { rollout: NAME, uid: of, because: BECAUSE }),
  };
  return execute(writes, {
    port: server,
    live: new Map(),
    isOurs: () => "Ours",
    confirm,
    signal: new AbortController().signal,
    log: silentLogger,
  });
}

const spec = async () => valueAt(await server.get(target), "spec");

test("pauses beside what else stands there; a person lets it go on, and no later apply takes that back", async () => {
  await people({ paused: false, reason: "mine" });
  await pause();
  expect(await spec()).toEqual({
    ...Object(child["spec"]),
    ...{ paused: true, pausedFor: BECAUSE, reason: "mine" },
  });
  await people({ paused: false, reason: "mine" });
  await applyChild(server, child, uid);
  expect(await spec()).toMatchObject({ paused: false, pausedFor: BECAUSE, reason: "mine" });
});

test("writes nothing where what was decided from is another one by now", async () => {
  const changed = () => Promise.reject(new Error("somebody has said something since"));
  await expect(pause(changed)).rejects.toThrow("somebody has said something since");
  expect(await spec()).toEqual(child["spec"]);
});

test("pauses no other release of that name, and makes none", async () => {
  await expect(pause(undefined, "another")).rejects.toMatchObject({ status: 409 });
  expect(await spec()).toEqual(child["spec"]);
  await server.delete(target, { uid });
  await expect(pause()).rejects.toMatchObject({ status: 409 });
  await expect(server.get(target)).rejects.toMatchObject({ status: 404 });
});
