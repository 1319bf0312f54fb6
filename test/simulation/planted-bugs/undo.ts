/**
 * Errors in the planner of undoing.
 */
import { ANNOTATION } from "../../../src/api/names.ts";
import type { Observation } from "../../../src/core/observation.ts";
import { undoneToServed, undoStands } from "../invariants/undo.ts";
import { deciding, type PlantedBug, seeing, withStatus } from "./planted-bug.ts";

type Status = Observation["deployment"]["status"];

/** The observation with another memory of undoing. */
function withUndo(
  observation: Observation,
  change: (status: NonNullable<Status["undo"]>) => Status["undo"],
): Observation {
  const { deployment } = observation;
  const { undo, ...status } = deployment.status;
  const changed = undo === undefined ? undefined : change(undo);
  return {
    ...observation,
    deployment: { ...deployment, status: changed === undefined ? status : { ...status, undo: changed } },
  };
}

/** All of them. */
export const UNDO_BUGS: readonly PlantedBug[] = [
  {
    what: "forgets an undo when its annotation is taken away",
    substitutes: seeing((observation) =>
      observation.deployment.metadata.annotations?.[ANNOTATION.undo] === undefined
        ? withUndo(observation, ({ standing: _forgotten, ...undo }) => undo)
        : observation,
    ),
    noticedBy: [undoStands.name],
    withinSeeds: 400,
  },
  {
    what: "takes an undone model for another one when something else of the spec changes",
    substitutes: seeing((observation) => {
      const { metadata, status } = observation.deployment;
      if (status.observedGeneration === metadata.generation) return observation;
      return withUndo(observation, ({ standing, ...undo }) =>
        standing === undefined ? undo : { ...undo, standing: { ...standing, undone: [] } },
      );
    }),
    noticedBy: [undoStands.name],
    withinSeeds: 400,
  },
  {
    what: "goes on with the spec when the record is lost that an undo goes back to",
    substitutes: seeing((observation) => {
      const target = observation.deployment.status.undo?.standing?.revision;
      return observation.revisions.some(({ name }) => name === target)
        ? observation
        : withUndo(observation, ({ standing: _forgotten, ...undo }) => undo);
    }),
    noticedBy: [undoStands.name],
    withinSeeds: 400,
  },
  {
    what: "takes every revision for one that has served",
    substitutes: seeing((observation) => {
      const { deployment, revisions } = observation;
      const served = { ...deployment.status.served, revisions: revisions.map(({ name }) => name) };
      return { ...observation, deployment: { ...deployment, status: { ...deployment.status, served } } };
    }),
    noticedBy: [undoneToServed.name],
    withinSeeds: 400,
  },
  {
    what: "takes an undo for over once its way back is done",
    substitutes: deciding((decision) => {
      const { undo, revisions } = decision.status;
      const { standing, ...others } = undo ?? {};
      const isDone = standing?.revision === revisions?.stable && revisions?.candidate === undefined;
      return undo === undefined || standing === undefined || !isDone
        ? decision
        : withStatus(decision, { undo: { request: undo.request, ...others } });
    }),
    noticedBy: [undoStands.name],
    withinSeeds: 400,
  },
  {
    what: "takes a retry from before an undo for one that ends it",
    substitutes: seeing((observation) =>
      withUndo(observation, ({ standing, ...undo }) => {
        const { retry: _forgotten, ...rest } = standing ?? {};
        return standing === undefined ? undo : { ...undo, standing: { ...standing, ...rest, retry: "" } };
      }),
    ),
    noticedBy: [undoStands.name],
    withinSeeds: 400,
  },
];
