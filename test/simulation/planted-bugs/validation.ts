/**
 * Errors in the planner of validations.
 */
import { contentHash } from "../../../src/api/content-hash.ts";
import type { ValidationStatus } from "../../../src/api/validation-status.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Observation, ObservedValidation } from "../../../src/core/observation.ts";
import { goodReport } from "../../fixtures/validations.ts";
import { completeness } from "../invariants/completeness.ts";
import { convergence } from "../invariants/convergence.ts";
import {
  jobsAsked,
  outcomeHolds,
  outcomeTold,
  validatedAnew,
  validatedFirst,
} from "../invariants/validation.ts";
import { COMES_TO_REST } from "../simulation.ts";
import { deciding, notApplying, notRemoving, type PlantedBug, seeing, withStatus } from "./planted-bug.ts";

/** The observation with another memory of the validation. */
function withStored(
  observation: Observation,
  change: (validation: ValidationStatus) => ValidationStatus,
): Observation {
  const { deployment } = observation;
  const { validation } = deployment.status;
  if (validation === undefined) return observation;
  const status = { ...deployment.status, validation: change(validation) };
  return { ...observation, deployment: { ...deployment, status } };
}

/** The observation with other words of the Jobs. */
function withTold(
  observation: Observation,
  change: (told: ObservedValidation, validation: ValidationStatus) => ObservedValidation,
): Observation {
  const { validations } = observation;
  const { validation } = observation.deployment.status;
  if (validations === undefined || validation === undefined) return observation;
  return { ...observation, validations: validations.map((told) => change(told, validation)) };
}

/** What passed beside a revision that does not serve any more. */
function passedBesideAnother({ deployment: { status } }: Observation): ValidationStatus | undefined {
  const { validation, revisions, rollout } = status;
  const { outcome, baseline, revision } = validation ?? {};
  const isOther = [baseline, revision].every((name) => name !== undefined && name !== revisions?.stable);
  // In a holdback it is the candidate that serves.
  return outcome === "Passed" && isOther && rollout?.heldBack === undefined ? validation : undefined;
}

/** All of them. */
export const VALIDATION_BUGS: readonly PlantedBug[] = [
  {
    what: "asks for no validation",
    substitutes: seeing((observation) => {
      const { deployment } = observation;
      const { validation: _left, ...spec } = deployment.spec;
      return { ...observation, deployment: { ...deployment, spec } };
    }),
    noticedBy: [validatedFirst.name],
  },
  {
    what: "gives the first revision its replicas while it is judged",
    substitutes: deciding((decision, { deployment, modelServers }) => ({
      ...decision,
      scale: [
        ...decision.scale,
        ...modelServers
          .filter(({ replicas }) => replicas === 0 && decision.status.validation?.outcome === undefined)
          .map(({ name }) => ({ name, namespace: deployment.metadata.namespace, replicas: 1 })),
      ],
    })),
    noticedBy: [validatedFirst.name],
  },
  {
    what: "takes a result that leaves a threshold out for passed",
    substitutes: seeing((observation) =>
      withTold(observation, (told, { baseline }) =>
        told.report?.passed === true ? { ...told, report: goodReport(baseline === undefined) } : told,
      ),
    ),
    noticedBy: [outcomeTold.name],
  },
  {
    what: "takes the end of a Job for its passing",
    substitutes: seeing((observation) =>
      withTold(observation, (told, { baseline }) =>
        told.end === undefined ? told : { ...told, report: goodReport(baseline === undefined) },
      ),
    ),
    noticedBy: [outcomeTold.name],
  },
  {
    what: "lets a release begin by what passed with other settings",
    substitutes: seeing((observation) =>
      withStored(observation, (stored) =>
        stored.outcome === "Passed"
          ? { ...stored, settings: contentHash(observation.deployment.spec.validation) }
          : stored,
      ),
    ),
    noticedBy: [validatedAnew.name, outcomeHolds.name],
    withinSeeds: 400,
  },
  {
    what: "lets a release begin by a comparison with what was given up since",
    substitutes: {
      decide: (observation) => {
        const passed = passedBesideAnother(observation);
        const { stable } = observation.deployment.status.revisions ?? {};
        if (passed === undefined || stable === undefined) return decide(observation);
        const decision = decide(withStored(observation, (stored) => ({ ...stored, baseline: stable })));
        return decision.status.validation?.job === passed.job
          ? withStatus(decision, { validation: passed })
          : decision;
      },
    },
    noticedBy: [validatedAnew.name],
    withinSeeds: 400,
  },
  {
    what: "forgets an outcome that is no pass",
    substitutes: seeing((observation) =>
      withStored(observation, ({ outcome, ...stored }) =>
        outcome === "Passed" ? { ...stored, outcome } : stored,
      ),
    ),
    noticedBy: [outcomeHolds.name],
  },
  {
    what: "makes no Job",
    substitutes: notApplying(({ kind }) => kind === "Job"),
    noticedBy: [convergence.name, COMES_TO_REST],
  },
  {
    what: "keeps the Job of what has passed",
    substitutes: notRemoving(({ resource }) => resource.kind === "Job"),
    noticedBy: [completeness.name],
  },
  {
    what: "judges what is stable in the place of what is to come",
    substitutes: deciding((decision) => ({
      ...decision,
      apply: decision.apply.map((object) =>
        object.kind === "Job"
          ? JSON.parse(JSON.stringify(object).replace(/v[23]\.onnx/g, "v1.onnx"))
          : object,
      ),
    })),
    noticedBy: [jobsAsked.name],
  },
];
