/**
 * Makes, ends and follows drills, with the rights of the person who calls it.
 */
import { type FailoverDrillSpec, type FaultType, failoverDrillKind } from "../../api/failover-drill.ts";
import { asList, asString, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { RESOURCE } from "../../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../../api/names.ts";
import type { KubePort } from "../../kube/port.ts";
import { endEarly } from "../concluded-object.ts";
import type { Connection } from "../connection.ts";
import { deploymentReference } from "../deployment-object.ts";
import { CommandError, EXIT, type ExitCode } from "../exit-code.ts";
import { followObjects } from "../followed-objects.ts";
import { type DrillView, drillView, phaseText } from "./drill-view.ts";

/** Owners of what is written. They stand in stored objects. */
const FIELD_MANAGER = { run: "petrel-cli-drill", abort: "petrel-cli-abort" } as const;

/** What a person says of a drill; the schema says the rest. */
export interface AskedDrill {
  readonly name?: string;
  readonly fault: FaultType;
  /** The first one of the ModelDeployment unless given. */
  readonly pool?: string;
  readonly status?: number;
  readonly delay?: string;
  readonly path?: string;
  readonly body: string;
  readonly perSecond?: number;
  readonly duration?: string;
  readonly recovery?: string;
  readonly availability?: string;
}

type Stated = Partial<Omit<FailoverDrillSpec, "probe" | "objectives">> & {
  readonly probe: Partial<FailoverDrillSpec["probe"]>;
  readonly objectives: Partial<FailoverDrillSpec["objectives"]>;
};

/** The drill as it is made. A name that nobody gave tells what, and when. Pure. */
export function askedDrill(
  namespace: string,
  deployment: { readonly name: string; readonly firstPool: string },
  asked: AskedDrill,
  nowMilliseconds: number,
): KubeObject {
  const { fault: type, pool = deployment.firstPool, status, delay, body, perSecond, duration } = asked;
  const { recovery, availability, path = `/v2/models/${deployment.name}/infer` } = asked;
  const time = new Date(nowMilliseconds)
    .toISOString()
    .replaceAll(/[-:]|\..*/g, "")
    .toLowerCase();
  const beginning = deployment.name.slice(0, 52 - type.length - time.length - 2).replace(/-+$/, "");
  const spec: Stated = {
    modelDeployment: deployment.name,
    fault: {
      type,
      pool,
      ...(status === undefined ? {} : { status }),
      ...(delay === undefined ? {} : { delay }),
    },
    probe: { path, body, ...(perSecond === undefined ? {} : { perSecond }) },
    objectives: {
      ...(recovery === undefined ? {} : { recovery }),
      ...(availability === undefined ? {} : { availability }),
    },
    ...(duration === undefined ? {} : { duration }),
  };
  const name = asked.name ?? `${beginning}-${type.toLowerCase()}-${time}`;
  return {
    apiVersion: API_GROUP_VERSION,
    kind: failoverDrillKind.kind,
    metadata: { name, namespace },
    spec,
  };
}

/** Makes one. Resolves with its name. */
export async function runDrill(
  { port, clock, namespace }: Connection,
  deployment: string,
  asked: AskedDrill,
): Promise<string> {
  const [pool] = asList(valueAt(await port.get(deploymentReference(namespace, deployment)), "spec", "pools"));
  const firstPool = asString(valueAt(pool, "name")) ?? "default";
  const drill = askedDrill(namespace, { name: deployment, firstPool }, asked, clock.now());
  await port.create(drill, { fieldManager: FIELD_MANAGER.run });
  return drill.metadata.name;
}

/** One drill. Rejects when there is none, or one that this program does not know. */
export async function readDrill(port: KubePort, namespace: string, name: string): Promise<DrillView> {
  const view = drillView(await port.get({ resource: RESOURCE.failoverDrill, namespace, name }));
  if (view !== undefined) return view;
  throw new CommandError(EXIT.refused, `${name} does not fit this version of petrel`);
}

/** Ends one. Rejects when it is over. */
export async function abortDrill(
  port: KubePort,
  namespace: string,
  name: string,
  reason: string | undefined,
): Promise<void> {
  await endEarly(port, {
    ...{ resource: RESOURCE.failoverDrill, namespace, name, fieldManager: FIELD_MANAGER.abort },
    spec: { abort: true, ...(reason === undefined ? {} : { reason }) },
    verdictOf: (object) => drillView(object)?.status.verdict,
  });
}

/**
 * Tells each phase until the drill has ended. Resolves with what a pipeline is to do: go on only after one that passed.
 *
 * Rejects with {@link CommandError} when time runs out first, and when the drill is deleted.
 */
export async function watchDrill(
  connection: Connection,
  name: string,
  timeoutMilliseconds: number,
  say: (text: string) => void,
): Promise<ExitCode> {
  const { port, clock, namespace } = connection;
  await readDrill(port, namespace, name);
  const stop = new AbortController();
  const cancel = clock.schedule(timeoutMilliseconds, () => stop.abort());
  const scope = { namespace, fieldSelector: `metadata.name=${name}` };
  const source = { name: "one", resource: RESOURCE.failoverDrill, scope, mayBeForbidden: false } as const;
  const seen: { said?: string; isGone?: boolean; last?: DrillView | undefined } = {};
  try {
    await followObjects(connection, [source], stop.signal, ({ objects }) => {
      const [object] = objects.one;
      seen.isGone = object === undefined;
      seen.last = object === undefined ? undefined : drillView(object);
      const { status = {} } = seen.last ?? {};
      const said = `${phaseText(status)}: ${status.message ?? "no operator has looked at it yet"}`;
      if (said !== seen.said && !seen.isGone) say(said);
      seen.said = said;
      if (seen.isGone || status.phase === "Ended") stop.abort();
    });
  } finally {
    cancel();
  }
  if (seen.isGone === true) throw new CommandError(EXIT.refused, `${name} was deleted before it ended`);
  const { phase, verdict } = seen.last?.status ?? {};
  if (phase !== "Ended")
    throw new CommandError(EXIT.timeout, `${name} has not ended within ${timeoutMilliseconds / 1_000} s`);
  return verdict?.outcome === "Passed" ? EXIT.done : EXIT.refused;
}
