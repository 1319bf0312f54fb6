/**
 * The {@link KubePort} over HTTPS: URLs, content types, query parameters and bounds of the Kubernetes API.
 *
 * Requests are built here rather than by client-node, whose typed serializer drops fields that it does not
 * know and whose watches do not notice a dead peer. Nothing is retried here but a read on a connection that
 * the server had closed meanwhile: whoever calls knows what may be repeated.
 */

import type { KubeObject, ObjectReference, ResourceType } from "../api/kube-object.ts";
import { resourceOf } from "../api/kube-resources.ts";
import type { Clock } from "../core/clock.ts";
import { byteLines } from "./byte-lines.ts";
import type { Endpoint } from "./endpoint.ts";
import { type HttpCall, HttpConnection, noAnswer, readBody } from "./http-connection.ts";
import { referenceTo } from "./object-key.ts";
import type {
  ApplyOptions,
  DeleteOptions,
  KubePort,
  ListOptions,
  ObjectList,
  Scope,
  WatchEvent,
  WatchOptions,
} from "./port.ts";
import { type RateLimit, TokenBucket } from "./rate-limit.ts";
import {
  collectionPath,
  objectPath,
  parseJson,
  parseList,
  parseObject,
  parseRefusal,
  parseWatchLine,
  withQuery,
} from "./wire.ts";

/** Bounds of the transport in size and time. */
export interface TransportBounds {
  /** For one call, its answer included. A list of many objects takes the longest. */
  readonly callTimeoutMilliseconds: number;
  /** For the head of a watch's answer: the API server may queue a watch under load. */
  readonly watchStartTimeoutMilliseconds: number;
  /** A watch that is silent for so long after its own `timeoutSeconds` is broken. */
  readonly watchGraceMilliseconds: number;
  readonly maximumBodyBytes: number;
  /** One watch event, which is one object and a few bytes. */
  readonly maximumLineBytes: number;
  readonly rateLimit: RateLimit;
}

/** Bounds for production. etcd refuses objects above 1.5 MiB; a page of 500 of them does not occur. */
export const DEFAULT_TRANSPORT_BOUNDS: TransportBounds = {
  callTimeoutMilliseconds: 30_000,
  watchStartTimeoutMilliseconds: 60_000,
  watchGraceMilliseconds: 15_000,
  maximumBodyBytes: 128 * 1024 * 1024,
  maximumLineBytes: 8 * 1024 * 1024,
  rateLimit: { callsPerSecond: 100, burst: 200 },
};

/** Told about every answer, for `rest_client_requests_total`. `status` is 0 when none came. */
export type RequestObserver = (request: { readonly method: string; readonly status: number }) => void;

/** What a transport needs. */
export interface TransportOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly bounds?: Partial<TransportBounds>;
  readonly observe?: RequestObserver;
}

/** A {@link KubePort} with connections that can be closed. */
export interface Transport extends KubePort {
  /** Closes idle connections. */
  close(): void;
}

/** Talks to a real API server. */
export function createTransport(options: TransportOptions): Transport {
  return new HttpsTransport(options);
}

class HttpsTransport implements Transport {
  readonly #connection: HttpConnection;
  readonly #clock: Clock;
  readonly #bounds: TransportBounds;
  readonly #bucket: TokenBucket;
  readonly #observe: RequestObserver;

  constructor({ endpoint, clock, userAgent, bounds, observe }: TransportOptions) {
    this.#connection = new HttpConnection({ endpoint, clock, userAgent });
    this.#clock = clock;
    this.#bounds = { ...DEFAULT_TRANSPORT_BOUNDS, ...bounds };
    this.#bucket = new TokenBucket(clock, this.#bounds.rateLimit);
    this.#observe = observe ?? (() => {});
  }

  close(): void {
    this.#connection.close();
  }

  async list(resource: ResourceType, options: ListOptions): Promise<ObjectList> {
    const path = withQuery(collectionPath(resource, options.namespace), {
      ...selectors(options),
      limit: options.limit,
      continue: options.continueToken,
    });
    return parseList(await this.#call({ method: "GET", path }), resource);
  }

  async *watch(
    resource: ResourceType,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const call: HttpCall = { method: "GET", path: watchPath(resource, options) };
    // Its own controller, so that a consumer that stops in the middle ends the request, too.
    const own = new AbortController();
    const either = AbortSignal.any([own.signal, signal]);
    let cancelSilence = () => {};
    try {
      const startTimeout = this.#bounds.watchStartTimeoutMilliseconds;
      const response = await this.#connection.open(call, startTimeout, either);
      const status = response.statusCode ?? 0;
      this.#observe({ method: "WATCH", status });
      if (status !== 200) {
        const cancel = this.#clock.schedule(this.#bounds.callTimeoutMilliseconds, () => response.destroy());
        const body = await readBody(response, this.#bounds.maximumBodyBytes, either).finally(cancel);
        throw parseRefusal(status, body, response.headers["retry-after"]);
      }
      const silence = options.timeoutSeconds * 1000 + this.#bounds.watchGraceMilliseconds;
      const listen = () => {
        cancelSilence();
        cancelSilence = this.#clock.schedule(silence, () => {
          response.destroy(new Error(`the watch was silent for ${silence} ms`));
        });
      };
      listen();
      // The consumer need not come back for more once it has aborted.
      response.once("close", () => cancelSilence());
      for await (const line of byteLines(response, this.#bounds.maximumLineBytes)) {
        listen();
        yield parseWatchLine(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      const refusal = noAnswer(call, error);
      if (refusal.status === 0) this.#observe({ method: "WATCH", status: 0 });
      throw refusal;
    } finally {
      cancelSilence();
      own.abort();
    }
  }

  async get(reference: ObjectReference): Promise<KubeObject> {
    return parseObject(await this.#call({ method: "GET", path: objectPath(reference) }));
  }

  async create(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    const path = withQuery(collectionPath(resourceOf(object), object.metadata.namespace), write(options));
    return parseObject(await this.#call({ method: "POST", path, body: object }));
  }

  async replace(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    if (object.metadata.resourceVersion === undefined) {
      throw new Error(`${object.kind} ${object.metadata.name} has no resourceVersion to replace`);
    }
    const path = withQuery(objectPath(referenceTo(object)), write(options));
    return parseObject(await this.#call({ method: "PUT", path, body: object }));
  }

  async apply(object: KubeObject, options: ApplyOptions, target?: ObjectReference): Promise<KubeObject> {
    const path = objectPath(target ?? referenceTo(object), options.subresource);
    return parseObject(
      await this.#call({
        method: "PATCH",
        path: withQuery(path, { ...write(options), force: options.force }),
        // JSON is YAML.
        contentType: "application/apply-patch+yaml",
        body: object,
      }),
    );
  }

  async delete(reference: ObjectReference, options: DeleteOptions): Promise<void> {
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: options.propagationPolicy ?? "Background",
      ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
    };
    await this.#call({ method: "DELETE", path: objectPath(reference), body });
  }

  async #call(call: HttpCall): Promise<unknown> {
    await this.#bucket.take();
    const { callTimeoutMilliseconds: timeoutMilliseconds, maximumBodyBytes: maximumBytes } = this.#bounds;
    let status = 0;
    try {
      const answer = await this.#connection.exchange(call, { timeoutMilliseconds, maximumBytes });
      status = answer.status;
      if (status >= 200 && status < 300) return parseJson(answer.body);
      throw parseRefusal(status, answer.body, answer.headers["retry-after"]);
    } finally {
      this.#observe({ method: call.method, status });
    }
  }
}

/** Unknown fields in what Petrel writes are a defect: the server is to say so rather than to drop them. */
function write(options: { readonly fieldManager: string }) {
  return { fieldManager: options.fieldManager, fieldValidation: "Strict" };
}

function selectors({ labelSelector, fieldSelector }: Scope) {
  return { labelSelector, fieldSelector };
}

function watchPath(resource: ResourceType, options: WatchOptions): string {
  return withQuery(collectionPath(resource, options.namespace), {
    ...selectors(options),
    watch: true,
    allowWatchBookmarks: true,
    timeoutSeconds: options.timeoutSeconds,
    resourceVersion: options.resourceVersion,
    ...(options.sendInitialEvents ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" } : {}),
  });
}
