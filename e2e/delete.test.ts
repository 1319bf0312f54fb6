/**
 * Deleting a ModelDeployment leaves nothing: no child, no endpoint, and no router once it was the last one. What is the
 * user's own, and only named in the spec, is used and stays.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { valueAt } from "../src/api/json.ts";
import { plainDeployment } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

let scenario: Scenario;
const KINDS =
  "deployments,replicasets,pods,services,endpointslices,serviceaccounts,poddisruptionbudgets,networkpolicies,controllerrevisions,rolebindings,configmaps,secrets";

async function objects(): Promise<readonly string[]> {
  const list = await scenario.kubectl("get", KINDS, "-o", "name");
  return list
    .split("\n")
    .filter((name) => name !== "")
    .toSorted();
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "delete");
  await scenario.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "team" } });
  await scenario.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "registry" },
    type: "kubernetes.io/dockerconfigjson",
    stringData: { ".dockerconfigjson": '{"auths":{}}' },
  });
}, 60_000);

afterAll(() => scenario.dispose(), 180_000);

test("the namespace is as it was", async () => {
  const before = await scenario.until("the namespace's own objects", objects, (names) => names.length >= 4);
  await scenario.apply(plainDeployment("one", { replicas: 1 }));
  const own = { serviceAccountName: "team", imagePullSecrets: [{ name: "registry" }] };
  await scenario.apply(plainDeployment("two", { replicas: 1, ...own }));
  await scenario.waitFor("one", "Ready");
  await scenario.waitFor("two", "Ready");
  expect(await objects()).toEqual(expect.arrayContaining(["deployment.apps/petrel-router"]));
  const [pod] = await scenario.pods("model-server", "two");
  expect(valueAt(await scenario.get("pod", pod?.name ?? ""), "spec")).toMatchObject(own);
  const accounts = (await objects()).filter((name) => name.startsWith("serviceaccount/"));
  expect(accounts.some((name) => name.includes("/one-"))).toBe(true);
  expect(accounts.some((name) => name.includes("/two-"))).toBe(false);

  await scenario.kubectl("delete", "modeldeployment", "one", "--wait");
  await scenario.until("nothing of one", objects, (names) => names.every((name) => !name.includes("/one")));
  await scenario.waitFor("two", "Ready");
  expect(await objects()).toEqual(expect.arrayContaining(["deployment.apps/petrel-router"]));

  await scenario.kubectl("delete", "modeldeployment", "two", "--wait");
  await scenario.until("what was there before", objects, (names) => names.join() === before.join(), 180);
}, 300_000);
