import { describe, expect, test } from "@jest/globals";
import { servingWorld, World } from "../../../test/fixtures/world.ts";
import { contentNumber } from "../../api/content-hash.ts";
import { FIRST_TRAFFIC_PORT, LAST_TRAFFIC_PORT } from "../../api/traffic-plan.ts";
import type { PortHolder } from "../observation.ts";
import { chooseTrafficPort } from "./choose-traffic-port.ts";

/** The port that the uid of the world's own ModelDeployment leads to. */
const FIRST_CHOICE = chooseTrafficPort(new World().observation());

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
  test("takes the first free one from a place that follows from its uid", () => {
    expect(FIRST_CHOICE).toBe(FIRST_TRAFFIC_PORT + contentNumber("uid-ranker", 10_000));
    const holders = [FIRST_CHOICE, FIRST_CHOICE + 1, FIRST_CHOICE + 3].map((port) => holder(port));
    expect(choose(new World(), ...holders)).toBe(FIRST_CHOICE + 2);
  });

  test("goes on at the first port after the last one", () => {
    const holders = Array.from({ length: LAST_TRAFFIC_PORT - FIRST_CHOICE + 1 }, (_, index) =>
      holder(FIRST_CHOICE + index),
    );
    expect(choose(new World(), ...holders)).toBe(FIRST_TRAFFIC_PORT);
  });

  test("of a hundred that are made at once and do not see each other, hardly two choose the same", () => {
    const ports = new Set(Array.from({ length: 100 }, (_, index) => contentNumber(`uid-${index}`, 10_000)));
    expect(ports.size).toBeGreaterThanOrEqual(97);
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
  test("keeps it for life, though its first choice is free", () => {
    const world = new World();
    world.portHolders = [holder(FIRST_CHOICE)];
    world.settle();
    expect(choose(world)).toBe(FIRST_CHOICE + 1);
  });

  test("is not in its own way", () => {
    expect(choose(servingWorld(), holder(FIRST_CHOICE, { uid: "uid-ranker" }))).toBe(FIRST_CHOICE);
  });

  test.each([
    ["an older one holds it too", "2025-12-31T23:59:59Z", "uid-z", 1],
    ["a younger one holds it too", "2026-01-01T00:00:01Z", "uid-a", 0],
    ["one of the same age with a smaller uid holds it too", "2026-01-01T00:00:00Z", "uid-a", 1],
    ["one of the same age with a greater uid holds it too", "2026-01-01T00:00:00Z", "uid-z", 0],
  ])("when %s", (_when, creationTimestamp, uid, moved) => {
    const port = choose(servingWorld(), holder(FIRST_CHOICE, { creationTimestamp, uid }));
    expect(port).toBe(FIRST_CHOICE + moved);
  });
});
