/**
 * The reflector against an API server in memory, with every fault that a watch can meet.
 */
import { beforeEach, describe, expect, test } from "@jest/globals";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { type FaultScript, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { sleep } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { KubeError, type KubePort, type ListOptions, type WatchEvent, type WatchOptions } from "./port.ts";
import { Reflector } from "./reflector.ts";

const log = createLogger({ write: () => {}, now: () => 0 });
const WRITER = { fieldManager: "test" };
const REFUSED = new KubeError(500, "InternalError", "try again");

let clock: VirtualClock;
let server: MemoryApiServer;
let told: string[];
let calls: string[];

beforeEach(() => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  told = [];
  calls = [];
});

function lease(name: string, spec: object = {}): KubeObject {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace: "ns" }, spec };
}

async function write(name: string, holderIdentity: string): Promise<void> {
  await server.apply(lease(name, { holderIdentity }), { ...WRITER, force: true });
}

function remove(name: string): Promise<void> {
  return server.delete({ resource: RESOURCE.lease, namespace: "ns", name }, {});
}

const handler = {
  upsert: (object: KubeObject) => {
    told.push(`+${object.metadata.name}`);
  },
  delete: (key: string) => {
    told.push(`-${key}`);
  },
  synced: () => {
    told.push("synced");
  },
};

/** Records the calls, and passes them on unless a fault is scripted for them. */
function faulty(port: KubePort, script: FaultScript = {}): FaultyPort {
  return new FaultyPort(port, clock, {
    ...script,
    call(call) {
      calls.push(call.verb);
      return script.call?.(call);
    },
  });
}

function start(port: KubePort, signal = new AbortController().signal, told_ = handler): Reflector {
  const reflector = new Reflector({
    port,
    resource: RESOURCE.lease,
    handler: told_,
    clock,
    random: () => 0.5,
    log,
  });
  void reflector.run(signal);
  return reflector;
}

/** An API server whose watches differ from those of the one in memory. */
function withWatch(
  watch: (options: WatchOptions, signal: AbortSignal) => AsyncIterable<WatchEvent>,
): KubePort {
  return {
    ...bound(server),
    watch: (_resource, options, signal) => watch(options, signal),
  };
}

function bound(port: KubePort): KubePort {
  return {
    list: port.list.bind(port),
    watch: port.watch.bind(port),
    get: port.get.bind(port),
    create: port.create.bind(port),
    replace: port.replace.bind(port),
    apply: port.apply.bind(port),
    delete: port.delete.bind(port),
  };
}

/** As kube-apiserver with the feature gate off. */
function withoutWatchList(): KubePort {
  return withWatch((options, signal) => {
    if (options.sendInitialEvents) {
      throw new KubeError(422, "Invalid", "sendInitialEvents is forbidden for watch");
    }
    return server.watch(RESOURCE.lease, options, signal);
  });
}

describe("the beginning", () => {
  test("what exists is told, then that this was all, then what happens", async () => {
    await write("a", "1");
    await write("b", "1");
    start(faulty(server));
    await clock.runUntilIdle();
    expect(told).toEqual(["+a", "+b", "synced"]);
    await write("a", "2");
    await remove("b");
    await clock.runUntilIdle();
    expect(told.slice(3)).toEqual(["+a", "-ns/b"]);
    expect(calls).toEqual(["watch"]);
  });

  test("a server without WatchList is listed by pages of 500 (client-node: neither)", async () => {
    for (let index = 0; index < 1_001; index += 1) await write(`l-${index}`, "1");
    start(faulty(withoutWatchList()));
    await clock.advance(5_000);
    expect(told).toHaveLength(1_002);
    expect(told.at(-1)).toBe("synced");
    expect(calls).toEqual(["watch", "list", "list", "list", "watch"]);
    await write("more", "1");
    await clock.runUntilIdle();
    expect(told.at(-1)).toBe("+more");
  });

  test("a server that does not know WatchList and says nothing is listed after a minute", async () => {
    await write("a", "1");
    const silent = withWatch((options, signal) => {
      const { sendInitialEvents, ...plain } = options;
      return server.watch(RESOURCE.lease, sendInitialEvents ? plain : options, signal);
    });
    start(faulty(silent));
    await clock.advance(59_000);
    expect(told).toEqual(["+a"]);
    await clock.advance(10_000);
    expect(told).toEqual(["+a", "+a", "synced"]);
  });

  test("a page that fails is asked for again, not the whole list", async () => {
    for (let index = 0; index < 600; index += 1) await write(`l-${index}`, "1");
    const tokens: (string | undefined)[] = [];
    const port = {
      ...withoutWatchList(),
      list: (_resource: unknown, options: ListOptions) => {
        tokens.push(options.continueToken);
        if (tokens.length === 2) throw REFUSED;
        return server.list(RESOURCE.lease, options);
      },
    };
    start(faulty(port));
    await clock.advance(10_000);
    expect(tokens).toEqual([undefined, expect.any(String), tokens[1]]);
    expect(told.at(-1)).toBe("synced");
  });

  test("a list whose pages expire begins again", async () => {
    for (let index = 0; index < 600; index += 1) await write(`l-${index}`, "1");
    let lists = 0;
    const port = {
      ...withoutWatchList(),
      list: async (_resource: unknown, options: ListOptions) => {
        lists += 1;
        const page = await server.list(RESOURCE.lease, options);
        if (lists === 1) {
          await write("late", "1");
          server.compact();
        }
        return page;
      },
    };
    start(faulty(port));
    await clock.advance(10_000);
    expect(lists).toBe(4);
    expect(told.filter((entry) => entry === "synced")).toHaveLength(1);
    expect(told).toContain("+late");
  });

  test("errors of the first list never end it (client-node #447)", async () => {
    await write("a", "1");
    let refusals = 0;
    start(
      faulty(server, {
        call: () => {
          refusals += 1;
          return refusals <= 50 ? { refusal: REFUSED } : undefined;
        },
      }),
    );
    await clock.advance(3_600_000);
    expect(told).toEqual(["+a", "synced"]);
  });
});

describe("a broken watch", () => {
  test("goes on from its version: nothing is listed again and nothing is missed", async () => {
    await write("a", "1");
    const port = faulty(server);
    start(port);
    await clock.runUntilIdle();
    port.breakWatches();
    await clock.runUntilIdle();
    await write("b", "1");
    await remove("a");
    await clock.advance(5_000);
    expect(told).toEqual(["+a", "synced", "+b", "-ns/a"]);
  });

  test("goes on from its last bookmark, though no object has changed since (client-node #458)", async () => {
    const asked: (string | undefined)[] = [];
    const port = withWatch(async function* (options, signal) {
      asked.push(options.resourceVersion);
      yield { type: "BOOKMARK", resourceVersion: "100", initialEventsEnd: true };
      yield { type: "BOOKMARK", resourceVersion: String(200 + asked.length), initialEventsEnd: false };
      await sleep(clock, 60_000, signal);
    });
    start(port);
    await clock.advance(190_000);
    expect(asked).toEqual([undefined, "201", "202", "203"]);
  });

  test("with an error that is no 410 goes on, too (client-node: the end of the informer)", async () => {
    await write("a", "1");
    const port = faulty(server);
    start(port);
    for (const status of [401, 403, 429, 500, 503]) {
      await clock.runUntilIdle();
      port.breakWatches(new KubeError(status, "Refused", ""));
      await clock.advance(60_000);
    }
    await write("b", "1");
    await clock.runUntilIdle();
    expect(told.filter((entry) => entry === "+b")).toHaveLength(1);
  });

  test("or a whole one asks for a time of its own, from 5 to 10 minutes", async () => {
    const asked: number[] = [];
    const draws = [0, 0.25, 0.999_999];
    const port = withWatch(async function* (options) {
      asked.push(options.timeoutSeconds);
      yield { type: "BOOKMARK", resourceVersion: "1", initialEventsEnd: true };
      await sleep(clock, options.timeoutSeconds * 1000);
    });
    const random = () => draws[asked.length] ?? 0.5;
    void new Reflector({ port, resource: RESOURCE.lease, handler, clock, random, log }).run(
      new AbortController().signal,
    );
    await clock.advance(1_300_000);
    expect(asked.slice(0, 3)).toEqual([300, 375, 599]);
  });

  test("whose version is too old is followed by a new list, which tells what vanished meanwhile", async () => {
    for (const name of ["a", "b", "c"]) await write(name, "1");
    const port = faulty(server);
    start(port);
    await clock.runUntilIdle();
    port.breakWatches();
    await clock.runUntilIdle();
    await remove("b");
    await write("d", "1");
    server.compact();
    await clock.advance(10_000);
    expect(told).toEqual(["+a", "+b", "+c", "synced", "+a", "+c", "+d", "-ns/b"]);
  });

  test("that closes cleanly and at once, again and again, does not become a flood (client-node #1933)", async () => {
    let watches = 0;
    start(
      withWatch(async function* (options) {
        watches += 1;
        if (options.sendInitialEvents) {
          yield { type: "BOOKMARK", resourceVersion: "1", initialEventsEnd: true };
        } else {
          yield { type: "BOOKMARK", resourceVersion: "1", initialEventsEnd: false };
        }
      }),
    );
    await clock.advance(600_000);
    // 0.8 s doubling to 30 s, each with half of itself on top: six steps in about a minute, then one each 45
    // s.
    expect(watches).toBeGreaterThan(10);
    expect(watches).toBeLessThan(25);
  });

  test("that ended after its full time is followed by the next at once", async () => {
    start(faulty(server));
    await clock.advance(451_000);
    expect(calls).toEqual(["watch", "watch"]);
  });

  test("that never hears a word goes on from a version that is yet to come, and is followed by a new list", async () => {
    await write("a", "1");
    const port = withWatch((options, signal) =>
      server.watch(
        RESOURCE.lease,
        options.resourceVersion === undefined ? options : { ...options, resourceVersion: "999999" },
        signal,
      ),
    );
    const breaking = faulty(port);
    start(breaking);
    await clock.runUntilIdle();
    breaking.breakWatches();
    await clock.advance(1_000);
    await write("b", "1");
    await clock.advance(600_000);
    expect(told).toContain("+b");
  });

  test("waits as long as the server asks", async () => {
    const port = faulty(server, {
      call: () =>
        calls.length === 1 ? { refusal: new KubeError(429, "TooManyRequests", "later", 120) } : undefined,
    });
    start(port);
    await clock.advance(119_000);
    expect(calls).toHaveLength(1);
    await clock.advance(2_000);
    expect(told).toEqual(["synced"]);
  });
});

test("a throwing handler ends nothing and loses nothing (client-node: an unhandled rejection)", async () => {
  await write("a", "1");
  const throwing = {
    upsert(object: KubeObject) {
      handler.upsert(object);
      throw new Error("a defect");
    },
    delete(key: string) {
      handler.delete(key);
      throw new Error("a defect");
    },
    synced() {
      handler.synced();
      throw new Error("a defect");
    },
  };
  start(faulty(server), undefined, throwing);
  await clock.runUntilIdle();
  await write("b", "1");
  await remove("a");
  await clock.runUntilIdle();
  expect(told).toEqual(["+a", "synced", "+b", "-ns/a"]);
  expect(calls).toEqual(["watch"]);
});

test("an aborted reflector ends, and asks for nothing more", async () => {
  const controller = new AbortController();
  start(faulty(server), controller.signal);
  await clock.runUntilIdle();
  controller.abort();
  await clock.advance(3_600_000);
  expect(calls).toEqual(["watch"]);
});

test("the last sign of life is that of the running watch", async () => {
  const port = faulty(server);
  const reflector = start(port);
  expect(reflector.heardAt()).toBeUndefined();
  await clock.runUntilIdle();
  expect(reflector.heardAt()).toBe(0);
  await clock.advance(90_000);
  expect(reflector.heardAt()).toBe(60_000);
  port.breakWatches();
  await clock.runUntilIdle();
  expect(reflector.heardAt()).toBeUndefined();
});
