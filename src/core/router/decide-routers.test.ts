import { describe, expect, test } from "@jest/globals";
import { TEST_SETTINGS } from "../../../test/fixtures/world.ts";
import { ROUTER_NAME } from "../../render/router.ts";
import { decideRouters } from "./decide-routers.ts";

const KINDS = ["ServiceAccount", "RoleBinding", "PodDisruptionBudget", "Deployment"];

function decideFor(modelDeploymentCount: number, standing: readonly string[]) {
  return decideRouters({
    namespace: "shop",
    modelDeploymentCount,
    standing: new Map(standing.map((kind) => [`${kind}/${ROUTER_NAME}`, `uid-of-${kind}`])),
    credentials: [],
    settings: TEST_SETTINGS,
  });
}

describe("with a ModelDeployment in the namespace", () => {
  test.each([[[]], [["Deployment"]], [KINDS]])("all objects are wanted, whatever stands: %j", (standing) => {
    const { apply, remove } = decideFor(1, standing);
    expect(apply.map(({ kind }) => kind)).toEqual(KINDS);
    expect(apply.every(({ metadata }) => metadata.namespace === "shop")).toBe(true);
    expect(remove).toEqual([]);
  });

  test("the objects do not depend on how many there are", () => {
    expect(decideFor(50, [])).toEqual(decideFor(1, []));
  });
});

describe("without any", () => {
  test("nothing is made", () => {
    expect(decideFor(0, [])).toEqual({ apply: [], remove: [] });
  });

  test("what stands goes, the Deployment first and its rights last, each by its uid", () => {
    expect(decideFor(0, KINDS).remove).toMatchObject(
      KINDS.toReversed().map((kind) => ({
        reference: { resource: { kind }, name: ROUTER_NAME, namespace: "shop" },
        uid: `uid-of-${kind}`,
      })),
    );
  });

  test("what is gone already is not removed again", () => {
    expect(decideFor(0, ["RoleBinding"]).remove.map(({ uid }) => uid)).toEqual(["uid-of-RoleBinding"]);
  });
});
