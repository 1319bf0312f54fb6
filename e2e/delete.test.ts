/**
 * Deleting a ModelDeployment leaves nothing: no child, no endpoint, and no router once it was the last one.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
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
}, 60_000);

afterAll(() => scenario.dispose(), 180_000);

test("the namespace is as it was", async () => {
  const before = await scenario.until("the namespace's own objects", objects, (names) => names.length >= 2);
  await scenario.apply(plainDeployment("one", { replicas: 1 }));
  await scenario.apply(plainDeployment("two", { replicas: 1 }));
  await scenario.waitFor("one", "Ready");
  await scenario.waitFor("two", "Ready");
  expect(await objects()).toEqual(expect.arrayContaining(["deployment.apps/petrel-router"]));

  await scenario.kubectl("delete", "modeldeployment", "one", "--wait");
  await scenario.until("nothing of one", objects, (names) => names.every((name) => !name.includes("/one")));
  await scenario.waitFor("two", "Ready");
  expect(await objects()).toEqual(expect.arrayContaining(["deployment.apps/petrel-router"]));

  await scenario.kubectl("delete", "modeldeployment", "two", "--wait");
  await scenario.until("what was there before", objects, (names) => names.join() === before.join(), 180);
}, 300_000);
