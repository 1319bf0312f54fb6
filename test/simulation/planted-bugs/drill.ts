/**
 * Errors in the planner of drills.
 */

import type { FailoverDrillStatus } from "../../../src/api/drill-status.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Decision, DrillReport } from "../../../src/core/decision.ts";
import { drillKey } from "../../../src/core/drill/plan-drill.ts";
import { completeness } from "../invariants/completeness.ts";
import {
  drillsAtRest,
  drillVerdictHolds,
  endedByPerson,
  endedClean,
  faultStoredFirst,
  neverFalselyPassed,
  oneDrill,
} from "../invariants/drills.ts";
import { deciding, notRemoving, type PlantedBug, planning } from "./planted-bug.ts";

/** The real decision with other reports of drills. */
function reporting(change: (report: DrillReport) => Partial<FailoverDrillStatus>) {
  return deciding((decision) => ({
    ...decision,
    drills: decision.drills.map((report) => ({
      ...report,
      status: { ...report.status, ...change(report) },
    })),
  }));
}

const passed = { outcome: "Passed", reason: "WithinObjectives", message: "" } as const;

function currentOf({ drills }: Decision): DrillReport | undefined {
  return drills.find(({ isCurrent }) => isCurrent);
}

/** All of them. */
export const DRILL_BUGS: readonly PlantedBug[] = [
  {
    what: "asks routers for the fault before its end is stored",
    substitutes: planning((plan, _observation, decision) => {
      const report = currentOf(decision);
      if (report?.status.phase !== "Control" || plan.drill === undefined) return {};
      const until = new Date(Date.parse(report.status.since ?? "") + 30_000).toISOString();
      return { drill: { ...plan.drill, fault: { status: 503, until, longest: "30s" } } };
    }),
    noticedBy: [faultStoredFirst.name],
    withinSeeds: 400,
  },
  {
    what: "takes what nobody has measured for passed",
    substitutes: reporting(({ drill, status }) =>
      drill.status.verdict === undefined && status.verdict?.outcome === "Inconclusive"
        ? { verdict: passed }
        : {},
    ),
    noticedBy: [neverFalselyPassed.name],
    withinSeeds: 400,
  },
  {
    what: "lets every drill begin at once",
    substitutes: reporting(({ status }) => (status.phase === "Pending" ? { phase: "Control" } : {})),
    noticedBy: [oneDrill.name],
    withinSeeds: 400,
  },
  {
    what: "does not hear that a person ended it",
    substitutes: {
      decide: (observation) => {
        const { drills = [] } = observation;
        const deaf = drills.map((drill) => ({ ...drill, spec: { ...drill.spec, abort: false } }));
        const decision = decide({ ...observation, drills: deaf });
        const real = ({ drill }: DrillReport) => drills.find(({ uid }) => uid === drill.uid) ?? drill;
        return {
          ...decision,
          drills: decision.drills.map((report) => ({ ...report, drill: real(report) })),
        };
      },
    },
    noticedBy: [endedByPerson.name, neverFalselyPassed.name],
    withinSeeds: 400,
  },
  {
    what: "takes a drill for over before routers have taken it back",
    substitutes: reporting(({ status }) => (status.phase === "Removing" ? { phase: "Ended" } : {})),
    noticedBy: [drillsAtRest.name, endedClean.name],
    withinSeeds: 400,
  },
  {
    what: "forgets the routes of a drill that is gone",
    substitutes: planning((plan, { deployment, drills = [] }) => {
      const former = deployment.status.traffic;
      const isGone = !drills.some(({ uid }) => drillKey(uid) === former?.drill?.key);
      const isSame = jsonEquals(plan.arms, former?.arms);
      return former?.drill !== undefined && isGone && isSame && plan.drill === undefined ? former : {};
    }),
    noticedBy: [drillsAtRest.name],
    withinSeeds: 400,
  },
  {
    what: "leaves the prober running",
    substitutes: notRemoving(({ resource, name }) => resource.kind === "Job" && name.includes("-prober-")),
    noticedBy: [drillsAtRest.name, completeness.name],
    withinSeeds: 400,
  },
  {
    what: "judges a drill again",
    substitutes: reporting(({ drill }) =>
      drill.status.verdict === undefined
        ? {}
        : { verdict: { ...drill.status.verdict, reason: "SecondThought" } },
    ),
    noticedBy: [drillVerdictHolds.name],
    withinSeeds: 400,
  },
];
