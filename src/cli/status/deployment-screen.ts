/**
 * The screen of `petrel status NAME`: a view as lines. Pure.
 */
import type { GateFigure } from "../../api/gate-status.ts";
import { ageText } from "../age-text.ts";
import { tableLines } from "../table.ts";
import type { DeploymentView } from "./deployment-view.ts";

const FAILURE_COUNT = 5;

/** The lines of a view. */
export function screenLines(view: DeploymentView, nowMilliseconds: number): readonly string[] {
  const age = (timestamp: string | undefined) => ageText(timestamp, nowMilliseconds);
  return [
    `${view.namespace}/${view.name} (${age(view.createdAt)}): ${view.state}`,
    `  ${view.why}`,
    ...(view.isOfThisSpec || view.conditions.length === 0
      ? []
      : ["  The status is of an earlier spec; no operator has taken up this one."]),
    ...section("Conditions", view.conditions, ({ type, status, reason, message, lastTransitionTime }) => [
      type,
      answer(status),
      age(lastTransitionTime),
      `${reason}: ${message}`,
    ]),
    ...undoLines(view, age),
    ...section("Revisions", view.revisions, ({ role, name, madeAt, uri, digest }) => [
      role,
      name,
      age(madeAt),
      [uri ?? "", shortDigest(digest)].join(" ").trim(),
    ]),
    ...rolloutLines(view),
    ...trafficLines(view),
    ...section("Pools (ready/wanted)", view.pools, (pool) => [
      pool.name,
      pool.role,
      pool.revision,
      `${pool.readyReplicas}/${pool.replicas}`,
      pool.message ?? "",
    ]),
    ...section("Routers", view.routers, (router) => [
      router.name,
      router.takesRequests ? "takes requests" : "takes none",
      `plan ${router.acknowledgedEpoch}`,
      [...(router.lags ? ["lags"] : []), ...(router.problem === undefined ? [] : [router.problem])].join(
        ": ",
      ),
    ]),
    ...failureLines(view),
    ...section("Events", view.events, ({ at, type, reason, note }) => [age(at), type, reason, note]),
    ...(view.notReadable.length === 0
      ? []
      : ["", `Not shown, because you may not read them: ${view.notReadable.join(", ")}`]),
  ];
}

function section<T>(
  title: string,
  items: readonly T[],
  row: (item: T) => readonly string[],
): readonly string[] {
  return items.length === 0 ? [] : ["", title, ...tableLines(items.map(row), "  ")];
}

function answer(status: string): string {
  if (status === "True") return "yes";
  return status === "False" ? "no" : "unknown";
}

/** Enough of a digest to tell two apart. */
export function shortDigest(digest: string | undefined): string {
  return digest === undefined ? "" : digest.slice(0, "sha256:".length + 12);
}

function undoLines(
  { undo, refusedUndo }: DeploymentView,
  age: (timestamp: string) => string,
): readonly string[] {
  const stands =
    undo === undefined
      ? []
      : [`Undo: stands for ${age(undo.since)}, to ${undo.revision}, by request ${undo.request}`];
  const then = undo?.next === undefined ? [] : [`  then ${undo.next} is released`];
  const refused =
    refusedUndo === undefined ? [] : [`Undo ${refusedUndo.request} was refused: ${refusedUndo.refusal}`];
  const lines = [...stands, ...then, ...refused];
  return lines.length === 0 ? [] : ["", ...lines];
}

function rolloutLines({ rollout }: DeploymentView): readonly string[] {
  if (rollout === undefined) return [];
  const { name, strategy, phase = "Pending", message = "the operator has not looked at it yet" } = rollout;
  const isOver = rollout.verdict !== undefined;
  const rows = rollout.history.map(({ step, weight, mirrored, inEffectAt, endedAt }) => {
    const since = inEffectAt === undefined ? "not in effect" : `since ${inEffectAt}`;
    const end = isOver ? "not passed" : "";
    const share = mirrored === undefined ? weight : `copies of ${mirrored}`;
    return [`step ${step}`, share, since, endedAt === undefined ? end : `passed ${endedAt}`];
  });
  const gates = tableLines(
    rollout.gates.map((gate) => [`gate ${gate.name}`, gate.outcome, gate.message]),
    "  ",
  );
  const gateLines = rollout.gates.flatMap(({ figures = [] }, index) => [
    gates[index] ?? "",
    ...tableLines(figures.map(figureCells), "    "),
  ]);
  return [
    "",
    `Rollout ${name} (${strategy}): ${phase}`,
    `  ${message}`,
    ...tableLines(rows, "  "),
    ...gateLines,
  ];
}

/** The numbers of a gate side by side. Those that are not known are left out. */
function figureCells({
  name,
  unit = "",
  estimate,
  lower,
  upper,
  threshold,
  stable,
  candidateCount,
  stableCount,
}: GateFigure): readonly string[] {
  const shown = (number: string | undefined) => (number === undefined ? "" : `${number}${unit}`);
  const range =
    lower === undefined && upper === undefined ? "" : `(${shown(lower) || "?"} to ${shown(upper) || "?"})`;
  const counts = [
    ...(candidateCount === undefined ? [] : [`n ${candidateCount}`]),
    ...(stableCount === undefined ? [] : [`stable's n ${stableCount}`]),
  ];
  return [
    name,
    [shown(estimate) || "not known", range].join(" ").trim(),
    threshold === undefined ? "" : `threshold ${shown(threshold)}`,
    [...(stable === undefined ? [] : [`stable ${shown(stable)}`]), ...counts].join(", "),
  ];
}

function trafficLines({ traffic, routers }: DeploymentView): readonly string[] {
  if (traffic === undefined) return [];
  const { port, timeout, perTryTimeout, plannedEpoch, acknowledgedEpoch, isInEffect, arms, mirror } = traffic;
  const lagging = routers.filter(({ lags }) => lags).length;
  const lag =
    routers.length === 0
      ? "no router reports"
      : `${lagging} of ${routers.length} routers lag; all carry out ${acknowledgedEpoch} or later`;
  const effect = `plan ${plannedEpoch} is ${isInEffect ? "in effect" : `not in effect yet (${lag})`}`;
  const row = (name: string, share: string, pools: (typeof arms)[number]["pools"]): readonly string[] => {
    const chain = pools.map(({ pool, revision, replicas }) => `${pool}/${revision} (${replicas})`);
    return [name, `planned ${share}`, `in effect ${isInEffect ? share : "not yet"}`, chain.join(", then ")];
  };
  const rows = [
    ...arms.map(({ name, weightPercent, pools }) => row(name, `${weightPercent} %`, pools)),
    ...(mirror === undefined ? [] : [row("Copies", `${mirror.sharePercent} %`, mirror.pools)]),
  ];
  return [
    "",
    `Traffic: ${effect}; port ${port}, ${timeout} for an answer, ${perTryTimeout} for one try`,
    ...(rows.length === 0 ? ["  nobody gets requests"] : tableLines(rows, "  ")),
  ];
}

function failureLines({ failures, namespace }: DeploymentView): readonly string[] {
  const shown = failures.slice(0, FAILURE_COUNT);
  const lines = section("Pods that do not serve", shown, ({ pod, pool, type, message, pods }) => [
    pods === 1 ? pod : `${pod} and ${pods - 1} more`,
    pool,
    `${type}: ${message}`,
  ]);
  const more = failures.length - shown.length;
  const [first] = shown;
  return [
    ...lines,
    ...(more > 0 ? [`  and ${more} more causes`] : []),
    ...(first === undefined ? [] : [`  kubectl describe pod --namespace ${namespace} ${first.pod}`]),
  ];
}
