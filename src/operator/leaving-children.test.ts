/**
 * A child that is on its way out is not written any more, and made anew once it has gone.
 */
import { expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";

const ACCOUNT = { resource: RESOURCE.serviceAccount, namespace: "shop", name: "ranker-model-server" };

test("a child that waits for a finalizer is left alone until it has gone", async () => {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  startLeadingOperator(server, clock);
  await server.apply(modelDeploymentObject("ranker"), { fieldManager: "people", force: true });
  await clock.advance(5_000);
  const made = await server.get(ACCOUNT);
  const { labels = {} } = made.metadata;
  const held = { ...made, metadata: { ...made.metadata, finalizers: ["example.com/slow"] } };
  await server.replace(held, { fieldManager: "people" });
  await server.delete(ACCOUNT, {});
  const leaving = await server.get(ACCOUNT);
  // What tells it from a foreign object is its owner alone: labels are for whom they find.
  await server.replace(
    { ...leaving, metadata: { ...leaving.metadata, labels: {} } },
    { fieldManager: "people" },
  );
  await clock.advance(60_000);
  const { finalizers: _finalizers, ...metadata } = (await server.get(ACCOUNT)).metadata;
  expect(metadata.labels).toEqual({});
  await server.replace({ ...leaving, metadata }, { fieldManager: "people" });
  await clock.advance(60_000);
  const next = await server.get(ACCOUNT);
  expect(next.metadata.uid).not.toBe(made.metadata.uid);
  expect(next.metadata.labels).toEqual(labels);
}, 60_000);
