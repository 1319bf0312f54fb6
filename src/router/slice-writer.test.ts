import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { brokenConnection, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { createLogger } from "../core/log.ts";
import { renderSlice } from "./endpoint-slices.ts";
import type { RouterIdentity } from "./router-identity.ts";
import { SliceWriter } from "./slice-writer.ts";

/** A writer that wants one EndpointSlice, and the API server, in memory and on one virtual clock. */
class World {
  readonly clock = new VirtualClock();
  readonly api = new MemoryApiServer(this.clock);
  /** How long the answer to an apply takes, once it has taken effect. */
  answerDelayMilliseconds = 0;
  /** Whether watches break instead of showing anything. */
  watchesBreak = false;
  applies = 0;
  readonly #stopping = new AbortController();

  /** `breakWatches`: as soon as the writer knows what there was before. */
  async start({ breakWatches = false } = {}): Promise<void> {
    const metadata = { name: "petrel-router-1", namespace: "shop" };
    const pod = await this.api.create({ apiVersion: "v1", kind: "Pod", metadata }, { fieldManager: "test" });
    const identity: RouterIdentity = {
      namespace: "shop",
      podName: "petrel-router-1",
      podUid: pod.metadata.uid ?? "",
      podIp: "10.0.0.9",
      nodeName: "n1",
    };
    const writer = new SliceWriter({ identity, port: this.#port(), ...this.#surroundings() });
    void writer.run(this.#stopping.signal);
    await writer.synced;
    this.watchesBreak = breakWatches;
    writer.want([renderSlice("ranker", { serving: { epoch: 1, port: 10_000 } }, "Serving", identity)]);
    await this.clock.advance(1_000);
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.clock.advance(1_000);
  }

  get slice(): KubeObject | undefined {
    return this.api.objects().find(({ kind }) => kind === "EndpointSlice");
  }

  /** Somebody deletes the EndpointSlice. */
  async deleteSlice(): Promise<void> {
    const name = this.slice?.metadata.name ?? "none";
    await this.api.delete({ resource: RESOURCE.endpointSlice, namespace: "shop", name }, {});
    expect(this.slice).toBeUndefined();
  }

  #port(): FaultyPort {
    return new FaultyPort(this.api, this.clock, {
      call: ({ verb }) => {
        if (verb !== "apply") return undefined;
        this.applies += 1;
        return { answerDelayMilliseconds: this.answerDelayMilliseconds };
      },
      event: () => (this.watchesBreak ? { breaks: brokenConnection() } : undefined),
    });
  }

  #surroundings() {
    const log = createLogger({ write: () => {}, now: () => this.clock.now() });
    return { clock: this.clock, random: () => 0.5, log };
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

test("a slice comes back right after its creation, and however often it is deleted", async () => {
  await world.start();
  for (let deletion = 1; deletion <= 3; deletion += 1) {
    await world.deleteSlice();
    await world.clock.advance(1_000);
    expect({ deletion, exists: world.slice !== undefined }).toEqual({ deletion, exists: true });
  }
  expect(world.applies).toBe(4);
});

test("a slice comes back that was deleted before the answer to its creation came", async () => {
  world.answerDelayMilliseconds = 3_000;
  await world.start();
  await world.deleteSlice();
  await world.clock.advance(10_000);
  expect(world.slice).toBeDefined();
});

test("a slice comes back that no watch has ever shown", async () => {
  await world.start({ breakWatches: true });
  await world.deleteSlice();
  world.api.compact();
  world.watchesBreak = false;
  await world.clock.advance(60_000);
  expect(world.slice).toBeDefined();
  expect(world.applies).toBe(2);
});

test("a slice that stands is applied once", async () => {
  await world.start();
  await world.clock.advance(600_000);
  expect(world.applies).toBe(1);
});
