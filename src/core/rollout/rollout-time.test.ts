/**
 * How a release counts time, what its verdicts say, and how each strategy takes its way.
 */
import { describe, expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { HOUR, Release } from "../../../test/fixtures/release.ts";
import { modelRolloutStatusSchema } from "../../api/model-rollout-status.ts";
import { STABLE_LOSS_MILLISECONDS } from "./advance-rollout.ts";
import { rolloutTime } from "./rollout-time.ts";

describe("time", () => {
  test("counts from when the weight is in effect, not from when it was decided", () => {
    const release = new Release().look();
    release.pass(10 * HOUR).look({ planIsInEffect: false });
    expect(release.outcome?.wakeAtMilliseconds).toBeUndefined();
    release.pass(HOUR).look();
    expect(release.outcome?.wakeAtMilliseconds).toBe(release.now + HOUR);
    expect(release.status.nextCheckAt).toBe(rolloutTime(release.now + HOUR));
    release.pass(HOUR - 1).look();
    expect(release.status.step).toBe(1);
    release.pass(1).look();
    expect(release.status.step).toBe(2);
  });

  test("goes on while the plan changes otherwise, and anew when the weight was lost", () => {
    const release = new Release().look().look();
    const since = release.status.weightInEffectAt;
    release.pass(HOUR / 2).look({ planIsInEffect: false });
    expect(release.status.weightInEffectAt).toBe(since);
    release.look({ anyIsReady: false, carries: () => false });
    expect(release.status).toMatchObject({ weight: "0%" });
    expect(release.status.weightInEffectAt).toBeUndefined();
    release.look().pass(1_000).look();
    expect(release.status.weightInEffectAt).toBe(rolloutTime(release.now));
    release.pass(HOUR - 1).look();
    expect(release.status.step).toBe(1);
  });

  test("looks that come late do not add up: each step begins when its weight does", () => {
    const release = new Release().look().look();
    const due = release.outcome?.wakeAtMilliseconds ?? 0;
    for (let minute = 0; minute < 61; minute++) release.pass(60_000).look();
    expect(Date.parse(release.status.history?.[0]?.endedAt ?? "") - due).toBe(0);
  });

  test("of a clock that was set back makes a step longer by no more than itself", () => {
    const release = new Release().look().look();
    release.pass(-5 * HOUR).look();
    expect(release.outcome?.wakeAtMilliseconds).toBe(release.now + HOUR);
    release.pass(HOUR).look();
    expect(release.status.step).toBe(2);
  });

  test("of a lost stable revision is a minute; then the steps are skipped, with all replicas and not before", () => {
    const release = new Release().look().look();
    release.look({ stableIsLost: true });
    expect(release.outcome?.wakeAtMilliseconds).toBe(release.now + STABLE_LOSS_MILLISECONDS);
    release.pass(STABLE_LOSS_MILLISECONDS - 1).look({ stableIsLost: true });
    expect(release.status.step).toBe(1);
    release.pass(1).look({ stableIsLost: true, carries: (weight) => weight < 10_000 });
    expect(release.text).toBe("Progressing 1 of 4: 100, room for 10000");
    release.look({ stableIsLost: true });
    expect(release.text).toBe("Promoting 4 of 4: 10000, room for 10000");
    release.look().look({ role: "Promoted" });
    expect(release.status.verdict).toMatchObject({ outcome: "Promoted", reason: "StableBroken" });
  });

  test("of a lost stable revision that has passed wakes nobody while a person pauses the release", () => {
    const release = new Release().look().look().look({ stableIsLost: true }, { paused: true });
    expect(release.outcome?.wakeAtMilliseconds).toBe(release.now + STABLE_LOSS_MILLISECONDS);
    release.pass(STABLE_LOSS_MILLISECONDS).look({ stableIsLost: true }, { paused: true });
    expect(release.status.step).toBe(1);
    // The end of the step is awaited still. A time of the past would have it looked at for ever.
    expect(release.outcome?.wakeAtMilliseconds).toBeGreaterThan(release.now);
  });

  test("of a stable revision that comes back in time is forgotten", () => {
    const release = new Release().look().look().look({ stableIsLost: true }).pass(30_000).look();
    expect(release.status.stableLostAt).toBeUndefined();
    release.pass(STABLE_LOSS_MILLISECONDS - 1).look({ stableIsLost: true });
    expect(release.status.step).toBe(1);
  });
});

describe("a verdict", () => {
  test.each<[string, Release, object]>([
    [
      "of a person who promotes",
      new Release().look({}, { decision: "Promote" }).look({ role: "Promoted" }, { decision: "Promote" }),
      { outcome: "Promoted", reason: "DecidedByPerson" },
    ],
    [
      "of a lost record of stable",
      new Release().look().look({ role: "Promoted" }),
      { outcome: "Promoted", reason: "StableLost" },
    ],
    [
      "of all at once",
      new Release({ type: "BlueGreen" }).look().look({ role: "Promoted" }),
      { outcome: "Promoted", reason: "StepsPassed" },
    ],
    [
      "of a person",
      new Release().look().look({}, { decision: "Abort" }),
      { outcome: "Aborted", reason: "DecidedByPerson" },
    ],
    [
      "of a gate",
      new Release().look().look({ judge: () => [{ name: "bad", outcome: "Fail", message: "worse" }] }),
      { outcome: "Aborted", reason: "GateFailed", message: "gate bad: worse" },
    ],
  ])("%s says why", (_what, { status }, verdict) => expect(status.verdict).toMatchObject(verdict));

  test("of a gate that says as much as a status holds is one that the schema takes", () => {
    const message = "x".repeat(1024);
    const { status } = new Release()
      .look()
      .look({ judge: () => [{ name: "bad", outcome: "Fail", message }] });
    expect(Compile(modelRolloutStatusSchema).Check(status)).toBe(true);
    expect(status.verdict?.message).toMatch(/^gate bad: x+\.{3}$/);
  });

  test("tells what the person said", () => {
    const { status } = new Release().look().look({}, { decision: "Abort", reason: "looks odd" });
    expect(status.message).toBe("a person gave the release up: looks odd");
  });

  test("of a person comes before a gate, and nothing comes after it", () => {
    const release = new Release().look().look({}, { decision: "Abort" });
    const { verdict } = release.status;
    release.pass(HOUR).look({ role: "Promoted" }, { decision: "Promote" });
    expect(release.status.verdict).toEqual(verdict);
    expect(release.outcome?.weight).toBe(0);
  });
});

describe("BlueGreen", () => {
  test("gives all the traffic once all replicas are ready, without a step before", () => {
    const release = new Release({ type: "BlueGreen" }).look({ carries: () => false });
    expect(release.text).toBe("Pending 0 of 1: 0, room for 10000");
    expect(release.look().text).toBe("Promoting 1 of 1: 10000, room for 10000");
  });
});

describe("Recreate", () => {
  const recreating = () => new Release({ type: "Recreate" });

  test("takes stable away, then makes room, then gives all the traffic", () => {
    const release = recreating().look();
    expect(release.outcome).toMatchObject({ weight: 0, capacityWeight: 0, takesStableAway: true });
    release.look({ stableHasLeft: true, carries: () => false });
    expect(release.outcome).toMatchObject({ weight: 0, capacityWeight: 10_000, takesStableAway: true });
    release.look({ stableHasLeft: true });
    expect(release.outcome).toMatchObject({ weight: 10_000, takesStableAway: true });
  });

  test("begins with nothing while it is paused", () => {
    const { outcome } = recreating().look({}, { paused: true });
    expect(outcome).toMatchObject({ weight: 0, capacityWeight: 0, takesStableAway: false });
  });

  test("that is given up gives stable back", () => {
    const { outcome } = recreating().look().look({}, { decision: "Abort" });
    expect(outcome).toMatchObject({ weight: 0, takesStableAway: false });
  });
});
