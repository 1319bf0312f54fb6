/**
 * A small replay of what `bench/autoscaling.ts` measures, so that a change that loses it is found before the bench is run.
 */
import { expect, test } from "@jest/globals";
import { hpaRate } from "./comparators.ts";
import { petrel } from "./petrel.ts";
import { changesPerHour, oracle, Scoring } from "./score.ts";
import { type Load, REPLICA, syntheticLoads } from "./traces.ts";

const DAYS = 5;
const LIMIT_MILLISECONDS = 180_000;

function loadOf(name: string, coldStartSeconds: number): Load {
  const load = syntheticLoads(5, DAYS).find(
    (one) => one.name === name && one.coldStartSeconds === coldStartSeconds,
  );
  if (load === undefined) throw new Error(`expected a load ${name}`);
  return load;
}

test(
  "a sale that returns is met by the forecast once it has come twice, and HPA is late every day",
  () => {
    const load = loadOf("shop, an abrupt sale each day at 12:00", 420);
    const scoring = new Scoring(load, 1);
    const known = scoring.replayed(oracle(0.95, load));
    expect(known.violations).toBe(0);
    const ours = scoring.replayed(petrel(0.8, load));
    const theirs = scoring.replayed(hpaRate(0.8, REPLICA));
    expect(ours.violations).toBeLessThan(0.4 * theirs.violations);
    // Replicas that stand ready before each sale are what it costs; at the same target, as much as its bar allows.
    expect(ours.replicaSeconds).toBeLessThan(1.1 * theirs.replicaSeconds);
    expect(changesPerHour(ours)).toBeLessThan(6);
  },
  LIMIT_MILLISECONDS,
);

test(
  "without hours there is no forecast, and no more cost than with HPA at the same target",
  () => {
    const load = loadOf("crowds without hours", 180);
    const scoring = new Scoring(load, 1);
    const [ours, theirs] = [scoring.replayed(petrel(0.8, load)), scoring.replayed(hpaRate(0.8, REPLICA))];
    expect(ours.replicaSeconds).toBeLessThan(1.05 * theirs.replicaSeconds);
    expect(ours.violations).toBeLessThan(theirs.violations);
  },
  LIMIT_MILLISECONDS,
);
