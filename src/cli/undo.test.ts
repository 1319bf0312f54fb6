/**
 * What `petrel undo` asks for, what it says, and when it asks for nothing.
 */
import { describe, expect, test } from "@jest/globals";
import { CANARY, follow } from "../../test/fixtures/released-world.ts";
import { badModelServes, takenBack } from "../../test/fixtures/undone-world.ts";
import { model, servingWorld, type World } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { deploymentObject, deploymentReference } from "./deployment-object.ts";
import { EXIT } from "./exit-code.ts";
import { requestRefresh } from "./refresh.ts";
import { requestEndOfUndo } from "./retry.ts";
import { requestUndo } from "./undo.ts";
import { PEOPLE_VERBS } from "./verbs.ts";

const MANAGER = { fieldManager: "test" };
const reference = deploymentReference("shop", "ranker");

/** A cluster with the ModelDeployment of a world. */
async function cluster(world: World): Promise<MemoryApiServer> {
  const server = new MemoryApiServer(new VirtualClock());
  const { namespace, name } = world.observation().deployment.metadata;
  const head = { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", metadata: { namespace, name } };
  await server.create({ ...head, spec: world.spec }, MANAGER);
  const options = { ...MANAGER, force: true, subresource: "status" } as const;
  await server.apply({ ...head, status: world.status }, options);
  return server;
}

async function undo(world: World, to?: string) {
  const server = await cluster(world);
  const wish = { token: "now", ...(to === undefined ? {} : { to }) };
  const said = await requestUndo(server, await server.get(reference), wish);
  return { server, said, annotations: (await server.get(reference)).metadata.annotations };
}

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

describe("it asks by an annotation that names where it leads", () => {
  test("to what served before", async () => {
    const world = badModelServes();
    const { said, annotations } = await undo(world);
    expect(annotations).toEqual({ "petrel.dev/undo": `now ${v1(world)}` });
    expect(said).toBe(
      `asked for the traffic to go back from ${v2(world)} to ${v1(world)}; petrel status ranker tells how it goes`,
    );
  });

  test("to one that is named", async () => {
    const world = follow(badModelServes().edit({ model: model("v3") }), 8);
    const { annotations } = await undo(world, v1(world));
    expect(annotations).toEqual({ "petrel.dev/undo": `now ${v1(world)}` });
  });

  test("and says that a release is given up", async () => {
    const world = follow(badModelServes({ rollout: CANARY }).edit({ model: model("v3") }));
    const { said } = await undo(world);
    expect(said).toContain(`from ${v2(world)} to ${v1(world)}; the release of`);
    const stay = await undo(world, v2(world));
    expect(stay.said).toContain(`from ${world.revisionName("v3")} to ${v2(world)}; petrel`);
  });

  test("and takes back no other request, nor anything of the spec", async () => {
    const world = badModelServes();
    const { server } = await undo(world);
    await requestRefresh(server, reference, "later");
    const after = await server.get(reference);
    expect(after.metadata.annotations).toMatchObject({ "petrel.dev/refresh": "later" });
    expect(after.metadata.annotations).toHaveProperty(["petrel.dev/undo"]);
    expect(after["spec"]).toEqual(world.spec);
  });

  test("that the operator obeys", async () => {
    const world = badModelServes();
    const { annotations = {} } = await undo(world);
    follow(world.undo(annotations["petrel.dev/undo"] ?? ""), 8);
    expect(world.status.revisions).toEqual({ stable: v1(world) });
  });
});

describe("it asks for nothing", () => {
  test.each<[string, () => World, ((world: World) => string) | undefined, string]>([
    ["where nothing served before", () => servingWorld(), undefined, "no other revision"],
    [
      "where Git went back",
      () => follow(badModelServes().edit({ model: model("v1") }), 8),
      undefined,
      "name the",
    ],
    ["where it stands already", () => takenBack(), (world) => v1(world), "has the traffic already"],
    ["of one that never served", () => badModelServes(), () => "ranker-typo", "ranker-typo has not served"],
    ["of what serves", () => badModelServes(), (world) => v2(world), "has the traffic already"],
    ["of one that is suspended", () => badModelServes().edit({ suspend: true }), undefined, "is suspended"],
  ])("%s", async (_when, make, to, why) => {
    const world = make();
    await expect(undo(world, to?.(world))).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: expect.stringContaining(why),
    });
  });

  test("where its status is of another version", async () => {
    const server = await cluster(badModelServes());
    const object = { ...(await server.get(reference)), status: { undo: 7 } };
    await expect(requestUndo(server, object, { token: "now" })).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "the status of ranker does not fit this version of petrel",
    });
  });
});

describe("a retry ends it", () => {
  test("by an annotation that stands beside the request", async () => {
    const world = takenBack();
    const { server } = await undo(world, v2(world));
    const object = deploymentObject(await server.get(reference));
    expect(await requestEndOfUndo(server, object, "then")).toBe(
      `asked for the end of the undo to ${v1(world)}: what the spec states is released`,
    );
    expect((await server.get(reference)).metadata.annotations).toEqual({
      "petrel.dev/undo": `now ${v2(world)}`,
      "petrel.dev/retry": "then",
    });
  });

  test("only where one stands", async () => {
    const server = await cluster(badModelServes());
    const object = deploymentObject(await server.get(reference));
    await expect(requestEndOfUndo(server, object, "then")).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "no undo of ranker stands",
    });
  });
});

test("it is one of the verbs", async () => {
  const command = await PEOPLE_VERBS["undo"]?.();
  expect(command?.helpInformation()).toContain("--to <revision>");
});
