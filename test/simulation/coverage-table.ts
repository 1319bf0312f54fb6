/**
 * What the seeds together must have met: every fault at every write point of every planner. What cannot be met
 * stands here with its reason; anything else that is empty is a claim that was never tested.
 */
import type { Coverage } from "./coverage.ts";
import { PLANNERS, type Planner, rowOf } from "./write-point.ts";

/** What may go wrong around a write, with a heading for the table. */
export const FAULTS = {
  /** Refused with 409, whether somebody else wrote or not. */
  "409": "409",
  "500": "500",
  "503": "503",
  "429": "429",
  "No answer": "no conn",
  "Lost answer": "lost",
  Slow: "slow",
  "Killed before": "kill <",
  "Killed after": "kill >",
  /** Sent while a cache of the process heard nothing. */
  "Lagging cache": "lag",
  /** Sent while a watch of the process was broken. */
  "Dropped watch": "watch",
  /** Sent while another process led as well. */
  "Two leaders": "leaders",
  /** Sent by a process whose wall clock has jumped. */
  "Jumped clock": "clock",
} as const;

/** Points of writes by the planner that they come from. */
export const WRITE_POINTS: Readonly<Record<Planner, readonly string[]>> = {
  undo: ["status", "event"],
  revision: ["status", "apply ControllerRevision", "remove ControllerRevision", "event"],
  autoscaling: [
    "status",
    "apply ControllerRevision",
    "apply HorizontalPodAutoscaler",
    "apply ScaledObject",
    "remove ControllerRevision",
    "remove HorizontalPodAutoscaler",
    "remove ScaledObject",
    "event",
  ],
  validation: ["status", "apply Job", "remove Job", "event"],
  rollout: ["status", "report", "confirm", "apply ModelRollout", "remove ModelRollout", "event"],
  experiment: ["status", "report", "confirm", "event"],
  drill: [
    "status",
    "report",
    "confirm",
    "apply NetworkPolicy",
    "apply Job",
    "remove Job",
    "remove NetworkPolicy",
    "event",
  ],
  capacity: [
    "status",
    "apply ServiceAccount",
    "apply Service",
    "apply NetworkPolicy",
    "apply PodDisruptionBudget",
    "apply Deployment",
    "confirm",
    "scale",
    "remove PodDisruptionBudget",
    "remove Deployment",
  ],
  pods: ["apply ControllerRevision", "apply Deployment", "remove ControllerRevision"],
  traffic: ["status", "apply Service"],
  conditions: ["status", "event"],
  routers: [
    "apply ServiceAccount",
    "apply RoleBinding",
    "apply PodDisruptionBudget",
    "apply Deployment",
    "remove ServiceAccount",
    "remove RoleBinding",
    "remove PodDisruptionBudget",
    "remove Deployment",
  ],
};

/** Why a planner has none of the other points. */
const NO_OTHER_POINTS: Readonly<Record<Planner, string>> = {
  undo: "says what an undo goes back to; revision, rollout and traffic carry it out",
  revision: "decides roles and keeps records of revisions; it makes nothing run",
  autoscaling:
    "says how many replicas the first pool has, keeps what it learned, and makes another autoscaler; capacity carries it out",
  validation: "has a Job judge, which tells by itself; nothing else follows from it before a role does",
  rollout: "leads releases; what follows from them is made by capacity and traffic",
  experiment:
    "says who tries what; the records of its arms are made by revision, the rest by capacity and traffic",
  drill: "asks routers by the traffic plan, which traffic says; a prober is all that it makes",
  capacity: "makes model servers stand and go; their Events are told as conditions",
  pods: "says which template pods are made from, and keeps it; what it finds is told as conditions",
  traffic: "says its plan in the status; the Service alone repeats a part of it, and goes with its owner",
  conditions: "says what the others found, and has nothing carried out",
  routers: "has no status and tells no Events; replicas stand in the applied Deployment",
};

const CONFIRMED =
  "a confirmation changes nothing in store; a kill after it is one before the write that it allows";

/** Cells of points that exist, and cannot be met all the same. */
const IMPOSSIBLE: readonly { readonly fault: string; readonly row: string; readonly reason: string }[] = [
  {
    fault: "Killed after",
    row: "capacity: confirm",
    reason: CONFIRMED,
  },
  { fault: "Killed after", row: "rollout: confirm", reason: CONFIRMED },
  { fault: "Killed after", row: "experiment: confirm", reason: CONFIRMED },
  { fault: "Killed after", row: "drill: confirm", reason: CONFIRMED },
];

const ROWS = PLANNERS.flatMap((planner) => WRITE_POINTS[planner].map((point) => rowOf({ planner, point })));

/** What of the coverage is not as it should be: cells that were not met, and cells that cannot be and were. */
export function coverageProblems(coverage: Coverage): readonly string[] {
  const faults = Object.keys(FAULTS);
  const isImpossible = (fault: string, row: string) =>
    IMPOSSIBLE.some((cell) => cell.fault === fault && cell.row === row);
  const cells = ROWS.flatMap((row) =>
    faults.flatMap((fault) => {
      const isMet = coverage.hits(fault, row) > 0;
      if (isMet !== isImpossible(fault, row)) return [];
      return [
        isMet ? `${fault} at ${row} was met, which is said to be impossible` : `${fault} never met ${row}`,
      ];
    }),
  );
  const unknown = [...coverage.cells.keys()].filter((row) => isOfPlanner(row) && !ROWS.includes(row));
  return [...cells, ...unknown.map((row) => `${row} is a write point that the table does not know`)];
}

/** The table, for people, and below it whatever else met faults: reads, watches, the Lease. */
export function coverageLines(coverage: Coverage): readonly string[] {
  const faults = Object.entries(FAULTS);
  const width = Math.max(...ROWS.map((row) => row.length)) + 1;
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(8)).join("")}`;
  const others = [...coverage.cells]
    .filter(([row]) => !isOfPlanner(row))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    line(
      "planner: write point",
      faults.map(([, heading]) => heading),
    ),
    ...ROWS.map((row) =>
      line(
        row,
        faults.map(([fault]) =>
          IMPOSSIBLE.some((cell) => cell.fault === fault && cell.row === row)
            ? "n/a"
            : String(coverage.hits(fault, row)),
        ),
      ),
    ),
    "",
    ...IMPOSSIBLE.map(({ fault, row, reason }) => `n/a: ${fault} at ${row}: ${reason}`),
    ...PLANNERS.map((planner) => `no other write points: ${planner} ${NO_OTHER_POINTS[planner]}`),
    "",
    ...others.map(
      ([row, cells]) =>
        `${row.padEnd(width)} ${[...cells].map(([fault, hits]) => `${fault} ${hits}`).join(", ")}`,
    ),
  ];
}

function isOfPlanner(row: string): boolean {
  return PLANNERS.some((planner) => row.startsWith(`${planner}: `));
}
