/**
 * Drills: nothing is asked of anybody that was not stored before, nothing is left of them, and none is called passed that was not.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { drillKey } from "../../../src/core/drill/plan-drill.ts";
import { isProber, neededFor, type Truth } from "../cluster/probers.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";

const AT_TARGET: ReadonlySet<unknown> = new Set([
  "Control",
  "Injecting",
  "Observing",
  "Reverting",
  "Failback",
]);

const phaseOf = (drill: KubeObject | undefined) => asString(valueAt(drill, "status", "phase"));
const isDrill = (object: KubeObject | undefined): object is KubeObject => object?.kind === "FailoverDrill";

/** A fault, with its end, is in the status of its drill before any plan has it. */
export const faultStoredFirst: Invariant = {
  name: "a fault is stored before it is asked for",
  brokenBy({ after }, { drills }) {
    if (after?.kind !== "ModelDeployment") return undefined;
    const drill = storedPlan(after)?.drill;
    const until = drill?.fault?.until;
    if (drill === undefined || until === undefined) return undefined;
    return drills.wasStored(drill.key, until)
      ? undefined
      : `${after.metadata.name}: the fault of ${drill.name} until ${until} was never stored`;
  },
};

/** Whatever is overlooked, no two drills of a ModelDeployment are at it. */
export const oneDrill: Invariant = {
  name: "one drill at a target",
  brokenBy({ after }, { world }) {
    if (!isDrill(after) || !AT_TARGET.has(phaseOf(after))) return undefined;
    const target = valueAt(after, "spec", "modelDeployment");
    const other = world
      .objects("FailoverDrill")
      .find(
        (drill) =>
          drill.metadata.uid !== after.metadata.uid &&
          drill.metadata.namespace === after.metadata.namespace &&
          valueAt(drill, "spec", "modelDeployment") === target &&
          AT_TARGET.has(phaseOf(drill)),
      );
    return other === undefined
      ? undefined
      : `${after.metadata.name} and ${other.metadata.name} are both at ${target}`;
  },
};

/** Passed is only what a prober has really seen. */
export const neverFalselyPassed: Invariant = {
  name: "no drill is falsely called passed",
  brokenBy({ before, after }, { probers }) {
    if (!isDrill(after) || valueAt(after, "status", "verdict", "outcome") !== "Passed") return undefined;
    if (valueAt(before, "status", "verdict") !== undefined) return undefined;
    const { name, uid = "" } = after.metadata;
    if (valueAt(after, "spec", "abort") === true) return `${name} passed, and a person had ended it`;
    const { fault, hold } = neededFor(after);
    const doubts = probers.truthsOf(uid).map((truth) => doubtIn(truth, fault, hold));
    if (doubts.length === 0) return `${name} passed, and nobody has measured anything`;
    return doubts.includes(undefined) ? undefined : `${name} passed ${doubts.join(", or ")}`;
  },
};

function doubtIn(truth: Truth, fault: number, hold: number): string | undefined {
  if (truth.met < fault * 0.9 - 1) return `with a fault of ${truth.met} slots of ${fault}`;
  if (truth.clearBefore < 1) return "without a time before the fault";
  if (truth.badWhileMet > truth.met / 2) return "while half of it was an outage";
  return truth.clearAfter < hold - 1 ? "though the fault was not seen to end" : undefined;
}

/** A verdict is for good. */
export const drillVerdictHolds: Invariant = {
  name: "a verdict on a drill holds",
  brokenBy({ before, after }) {
    if (!isDrill(after) || !isDrill(before) || before.metadata.uid !== after.metadata.uid) return undefined;
    const [was, is] = [before, after].map((drill) => JSON.stringify(valueAt(drill, "status", "verdict")));
    return was === undefined || was === is ? undefined : `${after.metadata.name}: from ${was} to ${is}`;
  },
};

/** Of a drill that a person has ended nothing more is asked. */
export const endedByPerson: Invariant = {
  name: "a drill that a person ended goes no further",
  brokenBy({ before, after }) {
    if (!isDrill(after) || valueAt(after, "spec", "abort") !== true) return undefined;
    const phase = phaseOf(after);
    if (phase === phaseOf(before) || !AT_TARGET.has(phase)) return undefined;
    return `${after.metadata.name} goes on to ${phase}`;
  },
};

/** A drill is over once no router that takes requests carries out anything of it. */
export const endedClean: Invariant = {
  name: "a drill ends once nothing of it is left in routers",
  brokenBy({ before, after }, facts) {
    if (!isDrill(after) || phaseOf(after) !== "Ended" || phaseOf(before) === "Ended") return undefined;
    const { namespace = "", name, uid = "" } = after.metadata;
    const target = asString(valueAt(after, "spec", "modelDeployment")) ?? "";
    const deployment = facts.world.find("ModelDeployment", namespace, target);
    if (deployment === undefined) return undefined;
    const key = drillKey(uid);
    return facts.plansInEffect(deployment).some(({ drill }) => drill?.key === key)
      ? `${name} has ended, and a router carries it out`
      : undefined;
  },
};

/** Nothing goes on, and nothing is left, once everybody is left alone. */
export const drillsAtRest: RestInvariant = {
  name: "nothing is left of drills",
  problems(facts) {
    const { world } = facts;
    const waiting = world.objects("FailoverDrill").flatMap((drill) => {
      const { name } = drill.metadata;
      const phase = phaseOf(drill);
      if (phase !== "Ended") return [`drill ${name} is still ${phase}`];
      return valueAt(drill, "status", "verdict") === undefined ? [`drill ${name} has no verdict`] : [];
    });
    const left = world.objects("ModelDeployment").flatMap((deployment) => {
      const { name } = deployment.metadata;
      const planned = facts.plansThatCount(deployment).some(({ drill }) => drill !== undefined);
      return [
        ...(planned ? [`${name}: a plan has a drill in it`] : []),
        ...(valueAt(deployment, "status", "drill") === undefined ? [] : [`${name}: a drill has its turn`]),
      ];
    });
    const jobs = [...world.objects("Job"), ...world.objects("NetworkPolicy")]
      .filter(isProber)
      .filter((object) => facts.ownerOf(object) !== undefined)
      .map(({ kind, metadata }) => `${kind} ${metadata.name} of a prober is left`);
    return [...waiting, ...left, ...jobs];
  },
};
