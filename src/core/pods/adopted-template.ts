/**
 * The template of a Deployment that stands, taken over as a pod revision: for Deployments from before there were pod
 * revisions, and where the ControllerRevision was deleted. So neither restarts a pod.
 */
import { canonicalJson } from "../../api/content-hash.ts";
import { asList, asRecord, type JsonRecord, valueAt } from "../../api/json.ts";
import { CONTAINER } from "../../api/names.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { quantitiesAreEqual } from "../../api/quantity.ts";
import { poolPlacement } from "../../render/model-servers/pod-placement.ts";

/** kubectl writes its own annotations into a template, to restart pods. They stay kubectl's. */
const KUBECTL = "kubectl.kubernetes.io/";

/** The template as it is to be kept: what the API server has added stays, since a template without it is the same. */
export function adoptedTemplate(live: JsonRecord): JsonRecord {
  const { creationTimestamp: _time, annotations, ...metadata } = asRecord(live["metadata"]) ?? {};
  const kept = Object.entries(asRecord(annotations) ?? {}).filter(([name]) => !name.startsWith(KUBECTL));
  return {
    ...live,
    metadata: { ...metadata, ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }) },
  };
}

/** Resources that the operator asks for by itself when the spec does not say. */
const DEFAULTED_RESOURCES = new Set(["cpu", "memory", "ephemeral-storage"]);

function amountsFit(
  live: unknown,
  stated: Readonly<Record<string, string | number>> = {},
  implied: Readonly<Record<string, string | number>> = {},
): boolean {
  const present = asRecord(live) ?? {};
  const isAsStated = Object.entries(stated).every(([name, amount]) => {
    // The API server writes amounts in its own way: "1000m" as "1".
    return present[name] !== undefined && quantitiesAreEqual(String(present[name]), String(amount));
  });
  const isKnown = (name: string) => name in stated || name in implied || DEFAULTED_RESOURCES.has(name);
  return isAsStated && Object.keys(present).every(isKnown);
}

const PLACEMENT = ["nodeSelector", "tolerations", "runtimeClassName", "priorityClassName", "resourceClaims"];

/** The API server does not store empty lists and maps. */
function filled(value: unknown): unknown {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0 ? undefined : value;
}

/**
 * Whether a template from before there were pod revisions shows what the pool says now, as far as that could be
 * said then. A person may have changed the pool while no operator ran: such a change must take effect.
 */
export function templateFits(live: JsonRecord, pool: PoolSpec): boolean {
  const spec = asRecord(live["spec"]) ?? {};
  const server = asList(spec["containers"]).find(
    (container) => valueAt(container, "name") === CONTAINER.serve,
  );
  const { limits, requests } = pool.resources ?? {};
  const placement: JsonRecord = poolPlacement(pool);
  return (
    amountsFit(valueAt(server, "resources", "limits"), limits) &&
    amountsFit(valueAt(server, "resources", "requests"), requests, limits) &&
    PLACEMENT.every((field) => canonicalJson(filled(spec[field])) === canonicalJson(filled(placement[field])))
  );
}
