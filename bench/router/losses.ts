/**
 * A whole pool lost under an open-loop load, in every way in which pools are lost, over either protocol.
 *
 * An answer that had begun before its server was gone is told apart: nobody may ask again for it, for the client has a
 * part of it already.
 */
import { spawnSync } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { newPlan, stableArm } from "../../test/apiserver/router-envoy/controlled-envoy.ts";
import type { Behaviour } from "../../test/apiserver/router-envoy/model-server.ts";
import { cpu, gpu, type ModelWorld } from "../../test/apiserver/router-envoy/model-world.ts";
import {
  cutOff,
  mixedClient,
  mixedGrpcClient,
  type Outcome,
  openLoop,
} from "../../test/apiserver/router-envoy/open-loop.ts";
import { type Check, ms, PER_SECOND, quantile, withClient } from "./load.ts";
import { withoutFailover } from "./without-failover.ts";

/** A trial that fails while this process, which holds clients and stand-ins, was kept from running is repeated. */
const TRIALS = 3;
/** Loss is caused so long after the load began. */
const CALM_MILLISECONDS = 5_000;
/** From then on after a loss the answers are compared with the usual ones. */
const SETTLED_MILLISECONDS = 2_000;
/** The time that a stand-in computes: far below every time-out here. */
const SERVICE_MILLISECONDS = 5;

type Loss = Behaviour | "CutOff";

/** Loses the first pool; returns how to bring it back. */
function lose(world: ModelWorld, loss: Loss): () => void {
  if (loss !== "CutOff") {
    for (const ip of world.first) world.server(ip).become(loss);
    return () => world.reset();
  }
  const nft = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync("nft", [...args], { encoding: "utf8" });
    if (status !== 0) throw new Error(`nft ${args.join(" ")}: ${stderr}`);
  };
  nft("add", "table", "ip", "bench");
  nft("add", "chain", "ip", "bench", "output", "{ type filter hook output priority 0; }");
  for (const side of ["daddr", "saddr"])
    nft("add", "rule", "ip", "bench", "output", "ip", side, `{ ${world.first.join(", ")} }`, "drop");
  return () => nft("delete", "table", "ip", "bench");
}

interface LossTimes {
  readonly timeout: string;
  readonly perTryMilliseconds: number;
}

/** Half of each on fresh connections. */
const MIXED = { rest: mixedClient, grpc: mixedGrpcClient };
const GOOD = { rest: 200, grpc: 0 };

const LONG: LossTimes = { timeout: "2s", perTryMilliseconds: 500 };
const SHORT: LossTimes = { timeout: "200ms", perTryMilliseconds: 66 };

/** How losses are asked for, and for how long. */
export interface LossLoad {
  readonly protocol: "rest" | "grpc";
  readonly seconds: number;
}

/** Loses the first pool in every way, with each time-out, and with failover off. */
export async function measureLosses(world: ModelWorld, check: Check, load: LossLoad): Promise<void> {
  const losses: readonly Loss[] = ["Unavailable", "Reset", "Hang", "CutOff"];
  const usual: Outcome[] = [];
  for (const times of [LONG, SHORT]) {
    for (const loss of losses)
      await measureLoss(world, check, { ...load, loss, times, failover: true, usual });
  }
  for (const loss of losses)
    await measureLoss(world, check, { ...load, loss, times: LONG, failover: false, usual });
}

interface Trial extends LossLoad {
  readonly loss: Loss;
  readonly times: LossTimes;
  readonly failover: boolean;
  /** Answers of all loads before their loss. Those of one alone are too few to know how slow some usually are. */
  readonly usual: Outcome[];
}

async function measureLoss(world: ModelWorld, check: Check, trial: Trial): Promise<void> {
  const { protocol, loss, times, failover, usual } = trial;
  const what = `${loss} over ${protocol}, time-out ${times.timeout}${failover ? "" : ", failover off"}`;
  for (let left = TRIALS; ; left -= 1) {
    const stalls = monitorEventLoopDelay({ resolution: 5 });
    stalls.enable();
    const outcomes = await loseUnderLoad(world, trial, left);
    stalls.disable();
    const stalled = stalls.max / 1e6;
    usual.push(...outcomes.filter((_outcome, index) => sentAt(index) < CALM_MILLISECONDS - 500));
    const { figures, failures, cut, isUsual } = judgeLoss(outcomes, trial);
    const told = `${figures}; this process stood still for at most ${ms(stalled)}`;
    if (!failover) {
      check(`${what}: requests fail`, failures > 0, told);
      return;
    }
    const holds = failures === 0 && (cut === 0 || loss === "Reset") && isUsual;
    // A stall of the stand-ins as long as half a try: they are then lost, too, and there is nothing to fail over to.
    if (holds || left === 1 || stalled < times.perTryMilliseconds / 2) {
      check(`${what}: no request fails, ${SETTLED}`, holds, told);
      return;
    }
    console.log(`     ${what}: repeated, for the machine is too busy: ${told}`);
  }
}

/** One load with a loss in it. */
async function loseUnderLoad(
  world: ModelWorld,
  { protocol, seconds, loss, times: { timeout, perTryMilliseconds }, failover }: Trial,
  trialsLeft: number,
): Promise<readonly Outcome[]> {
  world.reset();
  for (const server of world.servers) server.serviceMilliseconds = SERVICE_MILLISECONDS;
  const name = `loss-${protocol}-${loss.toLowerCase()}-${timeout}${failover ? "" : "-off"}-${trialsLeft}`;
  const plan = await newPlan([stableArm(gpu, cpu)], { timeout, perTryTimeout: `${perTryMilliseconds}ms` });
  const planned = world.envoy.planned(name, plan);
  await world.envoy.serve(name, plan, world.endpoints, failover ? planned : withoutFailover(planned));
  const duration = failover ? seconds * 1000 : 15_000;
  const outcomes = await withClient(MIXED[protocol](plan.port), async (client) => {
    const load = openLoop(client, PER_SECOND, duration);
    await delay(CALM_MILLISECONDS);
    const restore = lose(world, loss);
    try {
      return await load;
    } finally {
      restore();
    }
  });
  world.envoy.forget(name);
  return outcomes;
}

/** What is asked of the answers once a loss is settled. */
const SETTLED = "from 2 s on p99.9 is at most twice the usual one, or 10 ms above it";

/** When a request of a load was sent, in milliseconds from its beginning. */
function sentAt(index: number): number {
  return (index * 1000) / PER_SECOND;
}

function judgeLoss(outcomes: readonly Outcome[], { protocol, usual }: Trial) {
  const settled = outcomes.filter(
    (_outcome, index) => sentAt(index) > CALM_MILLISECONDS + SETTLED_MILLISECONDS,
  );
  const cut = cutOff(outcomes);
  const failures = outcomes.filter(
    (outcome) => outcome.status !== GOOD[protocol] && !cut.includes(outcome),
  ).length;
  const tails = (list: readonly Outcome[]) =>
    `p99 ${ms(quantile(list, 0.99))}, p99.9 ${ms(quantile(list, 0.999))}`;
  const figures = `${failures} of ${outcomes.length} failed, and ${cut.length} were cut off in the middle of their answer; slowest ${ms(quantile(outcomes, 1))}; usually ${tails(usual)}; from 2 s on ${tails(settled)}`;
  const usually = quantile(usual, 0.999);
  const isUsual = quantile(settled, 0.999) <= Math.max(2 * usually, usually + 10);
  return { figures, failures, cut: cut.length, isUsual };
}
