/**
 * Thousands of ModelDeployments on a real API server, and what has become of each.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { asNumber, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { LABEL } from "../../src/api/names.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/log.ts";
import { Cache, type CacheOptions } from "../../src/kube/cache.ts";
import type { Transport } from "../../src/kube/transport.ts";

/** ModelDeployments of one namespace. */
const NAMESPACE_SIZE = 50;
const WRITERS = 8;

interface Deployed {
  readonly replicas: number | undefined;
  readonly owner: string | undefined;
}

interface Reported {
  /** The operator has said all that there is to say while no pod can run: the spec is seen, its pods are there. */
  readonly isSettled: boolean;
}

/** The ModelDeployments of the bench. */
export class Fleet {
  readonly #transport: Transport;
  readonly #reports: Cache<Reported>;
  readonly #deployments: Cache<Deployed, "owner">;
  readonly #running = new AbortController();
  #size = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    const log = createLogger({ write: (line) => process.stderr.write(line), now: Date.now, level: "error" });
    const access = { port: transport, clock: systemClock, random: Math.random, log } satisfies Partial<
      CacheOptions<unknown, never>
    >;
    this.#reports = new Cache({ ...access, resource: RESOURCE.modelDeployment, project: reported });
    this.#deployments = new Cache({
      ...access,
      resource: RESOURCE.deployment,
      scope: { labelSelector: LABEL.modelDeployment },
      project: deployed,
      indexes: { owner: ({ owner }) => (owner === undefined ? [] : [owner]) },
    });
  }

  get size(): number {
    return this.#size;
  }

  /** Begins to watch. */
  async watch(): Promise<void> {
    void this.#reports.run(this.#running.signal);
    void this.#deployments.run(this.#running.signal);
    await Promise.all([this.#reports.synced, this.#deployments.synced]);
  }

  /** Ends the watches. */
  close(): void {
    this.#running.abort();
  }

  /** Name of a namespace of the bench. */
  namespaceOf(index: number): string {
    return `bench-${Math.floor(index / NAMESPACE_SIZE)}`;
  }

  /** Adds ModelDeployments until there are so many. Their namespaces must be there. */
  async grow(size: number): Promise<void> {
    const from = this.#size;
    this.#size = size;
    await inParallel(size - from, (offset) => this.write(from + offset, 1));
  }

  /** Writes a ModelDeployment, new or not, with so many replicas. */
  async write(index: number, replicas: number): Promise<void> {
    const model = { uri: "https://models.example/ranker", digest: `sha256:${"0".repeat(64)}` };
    const object: KubeObject = {
      apiVersion: "petrel.dev/v1alpha1",
      kind: RESOURCE.modelDeployment.kind,
      metadata: { name: `ranker-${index}`, namespace: this.namespaceOf(index) },
      spec: { model, replicas },
    };
    await this.#transport.apply(object, { fieldManager: "bench", force: true });
  }

  /** How many ModelDeployments have all that they can have. */
  settledCount(): number {
    return this.#reports.list().filter(({ isSettled }) => isSettled).length;
  }

  /** Changes one ModelDeployment. Resolves with the time until its Deployment follows, in milliseconds. */
  async change(index: number, replicas: number, timeoutMilliseconds: number): Promise<number> {
    const startedAt = performance.now();
    await this.write(index, replicas);
    await this.untilFollowed(index, replicas, timeoutMilliseconds);
    return performance.now() - startedAt;
  }

  /** Resolves when the Deployment of a ModelDeployment has so many replicas. */
  async untilFollowed(index: number, replicas: number, timeoutMilliseconds: number): Promise<void> {
    const owner = `${this.namespaceOf(index)}/ranker-${index}`;
    const isFollowed = () => this.#deployments.byIndex("owner", owner)[0]?.replicas === replicas;
    if (isFollowed()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = this.#deployments.subscribe(({ after }) => {
      if (after?.owner === owner && isFollowed()) resolve();
    });
    const giveUp = new AbortController();
    const tooLate = sleep(timeoutMilliseconds, undefined, { signal: giveUp.signal }).then(() => {
      throw new Error(`${owner} was not followed within ${timeoutMilliseconds} ms`);
    });
    try {
      await Promise.race([promise, tooLate]);
    } finally {
      unsubscribe();
      giveUp.abort();
      tooLate.catch(() => {});
    }
  }
}

/** Runs `task` for each index from 0, a few at a time. */
export async function inParallel(count: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await task(index);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, work));
}

function reported(object: KubeObject): Reported {
  const isSeen = valueAt(object, "status", "observedGeneration") === object.metadata.generation;
  return {
    isSettled: isSeen && valueAt(object, "status", "replicas") === valueAt(object, "spec", "replicas"),
  };
}

function deployed({ metadata, ...object }: KubeObject): Deployed {
  const name = metadata.labels?.[LABEL.modelDeployment];
  return {
    replicas: asNumber(valueAt(object, "spec", "replicas")),
    owner: name === undefined ? undefined : `${metadata.namespace}/${name}`,
  };
}
