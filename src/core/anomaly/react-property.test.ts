/**
 * Alarms that come and go in a world where models are released, people decide, clocks jump and operators are killed between
 * any two writes: never more follows than is allowed, and nothing without a stored intent.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { CANARY, follow } from "../../../test/fixtures/released-world.ts";
import { fallOfCtr, tell, watched } from "../../../test/fixtures/watched-world.ts";
import { effectsOf, model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { AnomalyReactionSpec } from "../../api/anomalies.ts";
import type { StatedReaction } from "../../api/anomaly-status.ts";
import { decide } from "../decide.ts";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const COOLDOWN = 2 * HOUR;

type Step =
  | {
      readonly type: "Alarm";
      readonly series: string;
      readonly rises: boolean;
      readonly ago: number;
      readonly isSeen: boolean;
    }
  | {
      readonly type:
        | "Calm"
        | "Silent"
        | "Follow"
        | "Look"
        | "Killed"
        | "Resume"
        | "Restart"
        | "Undo"
        | "Retry";
    }
  | { readonly type: "Release"; readonly model: string; readonly isFollowed: boolean }
  | { readonly type: "Pass"; readonly milliseconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("Alarm" as const),
      series: fc.constantFrom("metric:ctr", "metric:ctr", "metric:ctr", "requests", "labels"),
      rises: fc.constantFrom(false, false, false, true),
      ago: fc.constantFrom(0, 0, 10 * MINUTE, 3 * HOUR),
      isSeen: fc.boolean(),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      type: fc.constantFrom("Calm", "Silent", "Follow", "Follow", "Look", "Killed", "Resume", "Restart"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("Undo", "Retry") }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("Release" as const),
      model: fc.constantFrom("v1", "v2", "v3", "v4", "v5"),
      isFollowed: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("Pass" as const),
      milliseconds: fc.constantFrom(MINUTE, 30 * MINUTE, 3 * HOUR, 2 * DAY, 8 * DAY),
    }),
  },
);

/** What is stored, and every reaction that ever was. */
class Walk {
  readonly world: World;
  readonly maxPerWeek: number;
  readonly reactions: StatedReaction[] = [];
  #requests = 0;

  constructor(reaction: AnomalyReactionSpec) {
    this.maxPerWeek = reaction.maxPerWeek ?? 1;
    // By steps a release is long under way; all at once it is soon promoted.
    const rollout = reaction.type === "PauseRollout" ? { rollout: CANARY } : {};
    this.world = servingWorld({ replicas: 2, ...rollout, quality: watched(reaction) });
  }

  get now(): number {
    return this.world.observation().nowMilliseconds;
  }

  take(step: Step): void {
    const { world } = this;
    const token = `t${this.#requests++}`;
    switch (step.type) {
      case "Alarm": {
        const value = step.rises ? 0.09 : 0.01;
        tell(world, { alarms: [{ ...fallOfCtr(this.now - step.ago), series: step.series, value }] });
        if (step.isSeen) world.reconcile();
        break;
      }
      case "Calm":
        tell(world);
        break;
      case "Silent":
        world.anomalies = { kind: "Torn", atMilliseconds: this.now, reason: "no answer" };
        break;
      case "Restart":
        world.anomalies = undefined;
        break;
      case "Follow":
        follow(world);
        break;
      case "Look":
        world.reconcile();
        break;
      case "Killed": {
        // Stored, and of the writes that follow not even the last one.
        const decision = decide(world.observation());
        world.report(decision);
        for (const effect of effectsOf(decision).slice(0, -1)) {
          if (effect.type !== "Pause") world.execute(effect);
        }
        break;
      }
      case "Resume":
        if (world.rollouts.length > 0) world.guide({ paused: false });
        break;
      case "Undo":
        world.undo(token);
        break;
      case "Retry":
        world.retry(token);
        break;
      case "Release":
        world.edit({ model: model(step.model) });
        if (step.isFollowed) follow(world, 8);
        break;
      case "Pass":
        world.passTime(step.milliseconds);
        break;
    }
    this.check();
  }

  check(): void {
    const { status } = this.world;
    // That one was seen to be done makes it no other.
    for (const { isDone: _isDone, ...one } of status.anomalies?.reactions ?? []) {
      if (this.reactions.some((known) => JSON.stringify(known) === JSON.stringify(one))) continue;
      this.reactions.push(one);
    }
    const times = this.reactions.map(({ at }) => Date.parse(at));
    for (const [index, at] of times.entries()) {
      if (index > 0) expect(at - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(COOLDOWN);
      const inWeek = times.filter((other) => other > at - 7 * DAY && other <= at);
      expect(inWeek.length).toBeLessThanOrEqual(this.maxPerWeek);
    }
    // One alarm has one consequence.
    expect(new Set(this.reactions.map(({ because }) => because)).size).toBe(this.reactions.length);
    const { standing } = status.undo ?? {};
    const isByReaction = this.reactions.some(
      ({ request, because }) => request === standing?.request && because === standing?.because,
    );
    expect(standing?.because !== undefined).toBe(isByReaction);
    for (const { name, spec } of this.world.rollouts) {
      if (spec.pausedFor === undefined) continue;
      expect(this.reactions).toContainEqual(
        expect.objectContaining({ type: "PauseRollout", rollout: name, because: spec.pausedFor }),
      );
    }
  }
}

test("never more than is allowed, and each with what was stored of it before", () => {
  let [pauses, undos] = [0, 0];
  fc.assert(
    fc.property(
      fc.constantFrom("PauseRollout" as const, "Undo" as const),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { minLength: 10, maxLength: 40 }),
      (type, maxPerWeek, steps) => {
        const within = type === "Undo" ? { promotedWithin: "24h" } : {};
        const walk = new Walk({ type, cooldown: "2h", maxPerWeek, ...within });
        follow(walk.world.edit({ model: model("v2") }), 8);
        for (const one of steps) walk.take(one);
        pauses += walk.reactions.filter((one) => one.type === "PauseRollout").length;
        undos += walk.reactions.filter((one) => one.type === "Undo").length;
      },
    ),
    { numRuns: 150 },
  );
  // It is no proof where nothing follows from anything.
  expect(Math.min(pauses, undos)).toBeGreaterThan(4);
}, 300_000);
