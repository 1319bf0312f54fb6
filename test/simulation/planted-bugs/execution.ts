/**
 * Errors in how observations are gathered, and in how decisions are reported and carried out.
 */

import { canonicalJson } from "../../../src/api/content-hash.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { decide } from "../../../src/core/decide.ts";
import { KubeError } from "../../../src/kube/port.ts";
import { candidateEntry } from "../invariants/candidate-entry.ts";
import { capacityBeforeTraffic } from "../invariants/capacity-before-traffic.ts";
import { completeness } from "../invariants/completeness.ts";
import { conditionForm } from "../invariants/condition-form.ts";
import { convergence } from "../invariants/convergence.ts";
import { epochs } from "../invariants/epochs.ts";
import { foreignObjects } from "../invariants/foreign-objects.ts";
import { freshLook } from "../invariants/fresh-look.ts";
import { leftovers } from "../invariants/leftovers.ts";
import { promotion } from "../invariants/promotion.ts";
import { reportFirst } from "../invariants/report-first.ts";
import { suspended } from "../invariants/suspended.ts";
import type { Substitutes } from "../operators/operator-process.ts";
import { COMES_TO_REST } from "../simulation.ts";
import { calling, deciding, type PlantedBug, withSpec } from "./planted-bug.ts";

/** Answers a status report that says what was seen anyway by itself: only a confirmation does that. */
function withoutConfirmation(): Substitutes {
  /** Statuses that decisions were made from, by version. */
  let seen = new Map<string, string>();
  return {
    decide: (observation) => {
      const { metadata, status } = observation.deployment;
      if (seen.size > 1_000) seen = new Map();
      seen.set(metadata.resourceVersion, canonicalJson(status));
      return decide(observation);
    },
    ...calling((port) => ({
      apply: async (object, options, target) => {
        if (options.subresource !== "status") return await port.apply(object, options, target);
        const status = seen.get(object.metadata.resourceVersion ?? "");
        return status === canonicalJson(object["status"])
          ? object
          : await port.apply(object, options, target);
      },
    })),
  };
}

/** All of them. */
export const EXECUTION_BUGS: readonly PlantedBug[] = [
  {
    what: "stores a status whatever was stored meanwhile",
    substitutes: calling((port) => ({
      apply: (object, options, target) => {
        if (options.subresource !== "status") return port.apply(object, options, target);
        const { resourceVersion: _version, ...metadata } = object.metadata;
        return port.apply({ ...object, metadata }, options, target);
      },
    })),
    noticedBy: [epochs.name, capacityBeforeTraffic.name, promotion.name, conditionForm.name],
  },
  {
    what: "goes on when the status could not be stored",
    substitutes: calling((port) => ({
      apply: async (object, options, target) => {
        try {
          return await port.apply(object, options, target);
        } catch (error) {
          if (options.subresource === "status" && error instanceof KubeError) return object;
          throw error;
        }
      },
    })),
    noticedBy: [reportFirst.name, capacityBeforeTraffic.name, convergence.name],
  },
  {
    what: "takes capacity away without a look at what is stored",
    substitutes: withoutConfirmation(),
    noticedBy: [freshLook.name, capacityBeforeTraffic.name],
  },
  {
    what: "takes over what belongs to others",
    substitutes: calling((port) => ({
      get: async (reference) => {
        const found = await port.get(reference);
        if (found.kind === RESOURCE.lease.kind) return found;
        throw new KubeError(404, "NotFound", "not found");
      },
      apply: (object, options, target) => {
        if (options.subresource !== undefined) return port.apply(object, options, target);
        const { resourceVersion: _version, ...metadata } = object.metadata;
        return port.apply({ ...object, metadata }, { ...options, force: true }, target);
      },
    })),
    noticedBy: [foreignObjects.name, freshLook.name, capacityBeforeTraffic.name],
  },
  {
    what: "says the replicas of model servers in every apply",
    substitutes: deciding((decision) => ({
      ...decision,
      apply: decision.apply.map((object) =>
        object.kind === RESOURCE.deployment.kind ? withSpec(object, { replicas: 0 }) : object,
      ),
    })),
    noticedBy: [freshLook.name, capacityBeforeTraffic.name],
  },
  {
    what: "forgets when to look again",
    substitutes: deciding(({ wakeAtMilliseconds: _wakeAt, ...decision }) => decision),
    noticedBy: [convergence.name],
  },
  {
    what: "goes on though it is suspended",
    substitutes: {
      decide: (observation) => {
        const { suspend, ...spec } = observation.deployment.spec;
        const held = decide(observation);
        if (suspend !== true) return held;
        const { apply, scale, remove } = decide({
          ...observation,
          deployment: { ...observation.deployment, spec },
        });
        return { ...held, apply, scale, remove };
      },
    },
    noticedBy: [suspended.name],
  },
  {
    what: "never removes anything",
    substitutes: calling(() => ({ delete: async () => {} })),
    noticedBy: [convergence.name, completeness.name, leftovers.name],
  },
  {
    what: "does not hear of pods that go",
    substitutes: calling((port) => ({
      watch: async function* (resource, options, signal) {
        for await (const event of port.watch(resource, options, signal)) {
          const goes =
            event.type === "DELETED" ||
            (event.type !== "BOOKMARK" && event.object.metadata.deletionTimestamp !== undefined);
          if (resource.kind !== RESOURCE.pod.kind || !goes) yield event;
        }
      },
    })),
    noticedBy: [convergence.name, completeness.name, candidateEntry.name, COMES_TO_REST],
  },
];
