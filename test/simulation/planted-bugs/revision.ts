/**
 * Errors in the planner of model revisions.
 */
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { LABEL } from "../../../src/api/names.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Observation } from "../../../src/core/observation.ts";
import { completeness } from "../invariants/completeness.ts";
import { convergence } from "../invariants/convergence.ts";
import { promotion } from "../invariants/promotion.ts";
import { revisionRecords } from "../invariants/revision-records.ts";
import { COMES_TO_REST } from "../simulation.ts";
import { deciding, notApplying, type PlantedBug, seeing, withStatus } from "./planted-bug.ts";

function withoutPoolModels(observation: Observation): Observation {
  const { deployment } = observation;
  const pools = deployment.spec.pools.map(({ model: _model, ...pool }) => pool);
  return { ...observation, deployment: { ...deployment, spec: { ...deployment.spec, pools } } };
}

/** All of them. */
export const REVISION_BUGS: readonly PlantedBug[] = [
  {
    what: "takes the newest spec for stable, whatever serves",
    substitutes: seeing((observation) => {
      const { deployment } = observation;
      const { revisions: _revisions, ...status } = deployment.status;
      return { ...observation, deployment: { ...deployment, status } };
    }),
    noticedBy: [promotion.name],
  },
  {
    what: "promotes a candidate as soon as it is given traffic, before any router knows",
    substitutes: deciding((decision) => {
      const { candidate } = decision.status.revisions ?? {};
      const hasTraffic = decision.status.traffic?.arms.some(({ name }) => name === "Candidate") === true;
      return hasTraffic && candidate !== undefined
        ? withStatus(decision, { revisions: { stable: candidate } })
        : decision;
    }),
    noticedBy: [promotion.name],
  },
  {
    what: "promotes on the word of one router of several",
    substitutes: deciding((decision, observation) => {
      const routers = observation.routers.filter(
        ({ acknowledgedEpoch: epoch }) => epoch === observation.deployment.status.traffic?.epoch,
      );
      if (routers.length === 0) return decision;
      const { revisions } = decide({ ...observation, routers }).status;
      return revisions === undefined ? decision : withStatus(decision, { revisions });
    }),
    noticedBy: [promotion.name],
    withinSeeds: 400,
  },
  {
    what: "forgets that a pool may have a model of its own",
    substitutes: seeing(withoutPoolModels),
    noticedBy: [completeness.name, convergence.name],
  },
  {
    what: "keeps the newest record alone",
    substitutes: deciding((decision, { revisions, deployment, standing }) => {
      const newest = Math.max(0, ...revisions.map(({ number }) => number));
      const { namespace } = deployment.metadata;
      const old = revisions.filter(({ number }) => number < newest);
      const remove = old.map(({ name }) => ({
        reference: { resource: RESOURCE.controllerRevision, name, namespace },
        uid: standing.get(`${RESOURCE.controllerRevision.kind}/${name}`) ?? "",
      }));
      return { ...decision, remove: [...decision.remove, ...remove] };
    }),
    noticedBy: [revisionRecords.name],
  },
  {
    what: "keeps every record for ever",
    substitutes: deciding((decision, { revisions }) => {
      const records = new Set(revisions.map(({ name }) => name));
      return { ...decision, remove: decision.remove.filter(({ reference }) => !records.has(reference.name)) };
    }),
    noticedBy: [completeness.name],
    withinSeeds: 400,
  },
  {
    what: "writes no record of a revision",
    // Records of pod templates say which pool they are for: those are the planner's of pods.
    substitutes: notApplying(
      ({ kind, metadata }) =>
        kind === RESOURCE.controllerRevision.kind && metadata.labels?.[LABEL.pool] === undefined,
    ),
    noticedBy: [completeness.name, convergence.name],
  },
  {
    what: "keeps a candidate that the spec has taken back",
    substitutes: deciding((decision, { deployment }) => {
      const { stable, candidate } = decision.status.revisions ?? {};
      const former = deployment.status.revisions?.candidate;
      if (stable === undefined || candidate !== undefined || former === undefined || former === stable) {
        return decision;
      }
      return withStatus(decision, { revisions: { stable, candidate: former } });
    }),
    noticedBy: [convergence.name, completeness.name, COMES_TO_REST],
  },
];
