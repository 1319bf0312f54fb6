import { describe, expect, test } from "@jest/globals";
import { servingWorld, World } from "../../../test/fixtures/world.ts";
import { FIRST_TRAFFIC_PORT, LAST_TRAFFIC_PORT } from "../../api/traffic-plan.ts";
import type { PortHolder } from "../observation.ts";
import { chooseTrafficPort } from "./choose-traffic-port.ts";

/** The world's own ModelDeployment is `uid-ranker`, made at the first moment of 2026. */
function holder(port: number, changes: Partial<PortHolder> = {}): PortHolder {
  return {
    name: `other-${port}`,
    uid: `uid-${port}`,
    creationTimestamp: "2025-06-01T00:00:00Z",
    port,
    ...changes,
  };
}

function choose(world: World, ...holders: readonly PortHolder[]): number {
  world.portHolders = holders;
  return chooseTrafficPort(world.observation());
}

describe("a ModelDeployment without a port", () => {
  test("takes the first one that is free", () => {
    expect(choose(new World())).toBe(FIRST_TRAFFIC_PORT);
    expect(choose(new World(), holder(10_000), holder(10_001), holder(10_003))).toBe(10_002);
  });

  test("takes the last one when all others are taken", () => {
    const count = LAST_TRAFFIC_PORT - FIRST_TRAFFIC_PORT;
    const holders = Array.from({ length: count }, (_, index) => holder(FIRST_TRAFFIC_PORT + index));
    expect(choose(new World(), ...holders)).toBe(LAST_TRAFFIC_PORT);
    expect(() => choose(new World(), ...holders, holder(LAST_TRAFFIC_PORT))).toThrow(
      "all 10000 traffic ports of namespace shop are taken",
    );
  });
});

describe("a ModelDeployment with a port", () => {
  test("keeps it for life, though lower ones are free", () => {
    const world = new World();
    world.portHolders = [holder(10_000), holder(10_001)];
    world.settle();
    expect(choose(world)).toBe(10_002);
  });

  test("is not in its own way", () => {
    expect(choose(servingWorld(), holder(10_000, { uid: "uid-ranker" }))).toBe(10_000);
  });

  test.each([
    ["an older one holds it too", "2025-12-31T23:59:59Z", "uid-z", 10_001],
    ["a younger one holds it too", "2026-01-01T00:00:01Z", "uid-a", 10_000],
    ["one of the same age with a smaller uid holds it too", "2026-01-01T00:00:00Z", "uid-a", 10_001],
    ["one of the same age with a greater uid holds it too", "2026-01-01T00:00:00Z", "uid-z", 10_000],
  ])("when %s", (_when, creationTimestamp, uid, expected) => {
    expect(choose(servingWorld(), holder(10_000, { creationTimestamp, uid }))).toBe(expected);
  });
});
