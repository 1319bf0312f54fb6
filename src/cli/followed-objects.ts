/**
 * Reads what a screen shows, once or for as long as somebody looks: by watches, never by asking again and again.
 *
 * A person may see the ModelDeployments and not, say, the Events: what may be missing is left out, and named.
 */
import type { KubeObject, ResourceType } from "../api/kube-object.ts";
import { createLogger } from "../core/log.ts";
import { keyOf } from "../kube/object-key.ts";
import { KubeError, type KubePort, type Scope } from "../kube/port.ts";
import { Reflector } from "../kube/reflector.ts";
import type { Connection } from "./connection.ts";

/** Objects of one type within a scope. */
export interface Source<Name extends string> {
  readonly name: Name;
  readonly resource: ResourceType;
  readonly scope: Scope;
  /** Without the right to read these the rest is shown. */
  readonly mayBeForbidden: boolean;
}

/** What was read. */
export interface ReadObjects<Name extends string> {
  readonly objects: Readonly<Record<Name, readonly KubeObject[]>>;
  /** Sources that this person may not read. */
  readonly forbidden: readonly Name[];
}

const PAGE_SIZE = 500;
/** Changes that come together are shown together. */
const CALM_MILLISECONDS = 250;

async function listAll(port: KubePort, resource: ResourceType, scope: Scope): Promise<readonly KubeObject[]> {
  const items: KubeObject[] = [];
  let continueToken: string | undefined;
  do {
    const page = await port.list(resource, {
      ...scope,
      limit: PAGE_SIZE,
      ...(continueToken === undefined ? {} : { continueToken }),
    });
    items.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken !== undefined);
  return items;
}

function joined<Name extends string>(
  lists: readonly (readonly [Name, readonly KubeObject[] | undefined])[],
): ReadObjects<Name> {
  const objects = Object.fromEntries(lists.map(([name, list]) => [name, list ?? []]));
  return {
    objects: objects as Record<Name, readonly KubeObject[]>,
    forbidden: lists.flatMap(([name, list]) => (list === undefined ? [name] : [])),
  };
}

/** Reads all sources once. Rejects when one that must be read cannot be. */
export async function readObjects<Name extends string>(
  port: KubePort,
  sources: readonly Source<Name>[],
): Promise<ReadObjects<Name>> {
  const lists = await Promise.all(
    sources.map(async ({ name, resource, scope, mayBeForbidden }) => {
      try {
        return [name, await listAll(port, resource, scope)] as const;
      } catch (error) {
        if (!mayBeForbidden || !(error instanceof KubeError && error.status === 403)) throw error;
        return [name, undefined] as const;
      }
    }),
  );
  return joined(lists);
}

/** Reads all sources, and tells again whenever something in them has changed, until `signal` is aborted. */
export async function followObjects<Name extends string>(
  { port, clock }: Pick<Connection, "port" | "clock">,
  sources: readonly Source<Name>[],
  signal: AbortSignal,
  tell: (read: ReadObjects<Name>) => void,
): Promise<void> {
  const first = await readObjects(port, sources);
  tell(first);
  const readable = sources.filter(({ name }) => !first.forbidden.includes(name));
  const known = new Map(readable.map(({ name }) => [name, new Map<string, KubeObject>()] as const));
  let unsynced = readable.length;
  let cancel: (() => void) | undefined;
  const changed = () => {
    if (unsynced > 0 || signal.aborted) return;
    cancel ??= clock.schedule(CALM_MILLISECONDS, () => {
      cancel = undefined;
      tell(joined(sources.map(({ name }) => [name, listOf(known.get(name))] as const)));
    });
  };
  signal.addEventListener("abort", () => cancel?.(), { once: true });
  const log = createLogger({ write: () => {}, now: () => clock.now() });
  await Promise.all(
    readable.map(({ name, resource, scope }) => {
      const objects = known.get(name) ?? new Map<string, KubeObject>();
      const handler = {
        upsert: (object: KubeObject) => {
          objects.set(keyOf(object.metadata), object);
          changed();
        },
        delete: (key: string) => {
          objects.delete(key);
          changed();
        },
        synced: () => {
          unsynced -= 1;
          changed();
        },
      };
      return new Reflector({ port, resource, scope, handler, clock, random: Math.random, log }).run(signal);
    }),
  );
}

function listOf(objects: ReadonlyMap<string, KubeObject> | undefined): readonly KubeObject[] | undefined {
  return objects === undefined ? undefined : [...objects.values()];
}
