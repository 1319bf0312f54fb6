/**
 * Routers keep what the plan needs that they carry out: the one in status, whatever the spec has come to ask for.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asList, valueAt } from "../api/json.ts";
import { COMPONENT, LABEL } from "../api/names.ts";

const PEOPLE = { fieldManager: "people", force: true };

let clock: VirtualClock;
let server: MemoryApiServer;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  startLeadingOperator(server, clock);
  await apply({ traffic: withCertificate("a") });
});

const withCertificate = (secretName: string) => ({ tls: { secretName } });

async function apply(spec: object): Promise<void> {
  await server.apply(modelDeploymentObject("ranker", spec), PEOPLE);
  await clock.advance(60_000);
}

/** The Deployment of the routers. */
const routers = () =>
  server
    .objects()
    .find(
      ({ kind, metadata }) =>
        kind === "Deployment" && metadata.labels?.[LABEL.component] === COMPONENT.router,
    );

/** Names of the Secrets in the volumes of the routers' pods, each once. */
function mountedSecrets(): readonly string[] {
  const volumes = asList(valueAt(routers(), "spec", "template", "spec", "volumes"));
  const sources = volumes.flatMap((volume) => [volume, ...asList(valueAt(volume, "projected", "sources"))]);
  const names = sources.map(
    (source) => valueAt(source, "secret", "secretName") ?? valueAt(source, "secret", "name"),
  );
  return [...new Set(names.filter((name) => typeof name === "string"))].toSorted();
}

test("a changed certificate takes the place of the former one", async () => {
  expect(mountedSecrets()).toEqual(["a"]);
  await apply({ traffic: withCertificate("b") });
  expect(mountedSecrets()).toEqual(["b"]);
});

test("what is suspended keeps its certificate, and lets it go when it goes on", async () => {
  await apply({ suspend: true, traffic: withCertificate("b") });
  expect(mountedSecrets()).toEqual(["a", "b"]);
  await apply({ traffic: withCertificate("b") });
  expect(mountedSecrets()).toEqual(["b"]);
});

test("what cannot be read keeps its certificate", async () => {
  await apply({ pools: "one" });
  expect(mountedSecrets()).toEqual(["a"]);
  // Another one brings the routers to be looked at.
  await server.apply(modelDeploymentObject("other", { traffic: withCertificate("c") }), PEOPLE);
  await clock.advance(60_000);
  expect(mountedSecrets()).toEqual(["a", "c"]);
});

test("a delivery of many doors replaces the routers once", async () => {
  const { generation = 0 } = routers()?.metadata ?? {};
  const names = Array.from({ length: 50 }, (_, index) => `model-${index}`);
  for (const name of names) {
    await server.apply(modelDeploymentObject(name, { traffic: withCertificate(name) }), PEOPLE);
    await clock.advance(40);
  }
  await clock.advance(60_000);
  expect(mountedSecrets()).toEqual(["a", ...names].toSorted());
  expect(routers()?.metadata.generation).toBe(generation + 1);
}, 60_000);
