/**
 * The door of a ModelDeployment on the real Envoy: TLS, tokens, certificates of clients, and what happens to each
 * when the kubelet changes the files. Stand-ins for model servers, all on loopback.
 */

import { connect as connectHttp2 } from "node:http2";
import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Authentication } from "../../src/api/authentication.ts";
import { credentialsOf } from "../../src/api/credential.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { CredentialDirectory } from "../../src/router/mounted-credentials.ts";
import { ResolvedPlans } from "../../src/router/resolved-plans.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { Authority, type Certificate, KubeletFolder, TokenIssuer } from "./router-envoy/credentials.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, type Outcome, openLoop, statuses, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 63;
const SECRET = "ranker-tls";
const UNAUTHENTICATED = { rest: 401, grpc: 16 };
const PERMISSION_DENIED = { rest: 403, grpc: 7 };
/** What is shown here does not depend on time: a busy machine must not fail it. */
const PATIENT = { timeout: "25s", perTryTimeout: "20s" };

let world: ModelWorld;
let folder: KubeletFolder;
let authority: Authority;
let ca: string;

beforeAll(async () => {
  folder = await KubeletFolder.create();
  authority = await Authority.create();
  ca = await authority.certificate();
  world = await startModelWorld(SUBNET, { credentialDirectory: folder.path });
});
afterAll(async () => {
  await world?.stop();
  await folder?.remove();
  await authority?.remove();
});
beforeEach(() => world.reset());

/** A router's look at a plan: what it does with the files that are there, each time it is asked. */
class Door {
  readonly #name: string;
  readonly #plan: TrafficPlan;
  readonly #plans: ResolvedPlans;

  constructor(name: string, plan: TrafficPlan) {
    this.#name = name;
    this.#plan = plan;
    const { settings } = world.envoy;
    this.#plans = new ResolvedPlans(new CredentialDirectory(credentialsOf(plan), settings.layout), settings);
  }

  get port(): number {
    return this.#plan.port;
  }

  /** Takes in the files. Returns what is wrong, if anything. */
  async look(): Promise<string | undefined> {
    await this.#plans.refresh();
    const { traffic, credentialProblem } = this.#plans.resolve(this.#name, this.#plan);
    if (traffic !== undefined) world.envoy.want(this.#name, traffic, world.endpoints);
    return credentialProblem;
  }

  async open(): Promise<void> {
    expect(await this.look()).toBeUndefined();
    await until("the plan is in effect", () => world.envoy.acknowledgement(this.#name).serving !== undefined);
  }
}

async function newDoor(name: string, more: Partial<TrafficPlan>): Promise<Door> {
  return new Door(name, await newPlan([stableArm(gpu, cpu)], more));
}

function secretFiles(name: string, { certificate, key }: Certificate) {
  return { [`secrets/${name}/tls.crt`]: certificate, [`secrets/${name}/tls.key`]: key };
}

/** HTTP/1.1 over TLS; each request on a connection of its own when there is no agent. */
function tlsClient(
  port: number,
  more: { readonly client?: Certificate; readonly isKept?: boolean } = {},
): Client {
  const { client, isKept = false } = more;
  const agent = new Agent({ keepAlive: isKept, maxSockets: isKept ? 1 : 256 });
  const identity = client === undefined ? {} : { cert: client.certificate, key: client.key };
  const options = { host: "127.0.0.1", servername: "ranker.test", port, ca, agent, ...identity };
  return {
    good: 200,
    close: () => agent.destroy(),
    send: (body, headers = {}) => {
      const start = performance.now();
      return new Promise((resolve) => {
        const end = (status: number | undefined, text: string, seen: Outcome["headers"] = {}) =>
          resolve({
            status,
            milliseconds: performance.now() - start,
            ip: undefined,
            headers: seen,
            body: text,
          });
        const call = request(
          { ...options, method: "POST", path: "/v2/models/m/infer", headers },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => {
              text += chunk.toString();
            });
            response.on("end", () => end(response.statusCode, text, response.headers));
          },
        );
        call.on("error", (error) => end(undefined, String(error)));
        call.end(body);
      });
    },
  };
}

/** Name in the certificate that the door shows. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host: "127.0.0.1",
      port,
      ca,
      servername: "ranker.test",
      checkServerIdentity: () => undefined,
    });
    socket.once("error", reject).once("secureConnect", () => {
      const { subject }: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(subject.CN));
    });
  });
}

describe("TLS", () => {
  let door: Door;
  beforeAll(async () => {
    await folder.change(secretFiles(SECRET, await authority.sign("ranker.test")));
    door = await newDoor("tls", { tls: { secretName: SECRET }, ...PATIENT });
    await door.open();
  });

  test("carries both protocols, and nothing passes without it", async () => {
    const client = tlsClient(door.port);
    expect(await client.send(Buffer.from("{}"))).toMatchObject({ status: 200 });
    client.close();
    const session = connectHttp2(`https://127.0.0.1:${door.port}`, { ca, servername: "ranker.test" });
    const stream = session.request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const status = new Promise((resolve, reject) => {
      stream.once("trailers", (trailers) => resolve(trailers["grpc-status"])).once("error", reject);
    });
    stream.resume().end(Buffer.from([0, 0, 0, 0, 0]));
    expect(await status).toBe("0");
    session.destroy();
    await withClients(door.port, async ({ rest, grpc }) => {
      expect((await rest.send()).status).toBeUndefined();
      expect((await grpc.send()).status).not.toBe(grpc.good);
    });
  });

  test("TLS 1.1 is refused", async () => {
    const outcome = await new Promise((resolve) => {
      const socket = connect({
        host: "127.0.0.1",
        port: door.port,
        ca,
        maxVersion: "TLSv1.1",
        minVersion: "TLSv1",
      });
      socket.once("error", () => resolve("refused")).once("secureConnect", () => resolve("accepted"));
    });
    expect(outcome).toBe("refused");
  });

  test("a renewed certificate is taken under load, without a failed request", async () => {
    const [fresh, kept] = [tlsClient(door.port), tlsClient(door.port, { isKept: true })];
    const loads = [openLoop(fresh, 20, 4_000), openLoop(kept, 50, 4_000)];
    await delay(1_000);
    await folder.change(secretFiles(SECRET, await authority.sign("ranker.test")));
    await delay(500);
    await folder.change(secretFiles(SECRET, await authority.sign("renewed.test")));
    await until(
      "the new certificate is shown",
      async () => (await shownName(door.port)) === "renewed.test",
      5_000,
    );
    await folder.change(secretFiles(SECRET, await authority.sign("ranker.test")));
    const [onFresh = [], onKept = []] = await Promise.all(loads);
    expect(statuses(onKept)).toEqual({ 200: onKept.length });
    // While the other name was shown, this client was right to go away.
    const unexpected = onFresh.filter(({ status, body }) => status !== 200 && !/ALTNAME/.test(body));
    expect(unexpected).toEqual([]);
    fresh.close();
    kept.close();
  });

  test("a certificate that goes, or breaks, is said, and the last one stays", async () => {
    const before = await shownName(door.port);
    await folder.change({ [`secrets/${SECRET}/tls.crt`]: "broken" });
    expect(await door.look()).toMatch(/Secret ranker-tls, key tls.crt: expected certificates in PEM/);
    await folder.change({ [`secrets/${SECRET}/tls.crt`]: undefined });
    expect(await door.look()).toBe("Secret ranker-tls does not exist or has no key tls.crt");
    await delay(500);
    expect(await shownName(door.port)).toBe(before);
  });

  test("without its Secret a door stays shut; it opens when the Secret comes", async () => {
    const shut = await newDoor("shut", { tls: { secretName: "later" } });
    expect(await shut.look()).toBe("Secret later does not exist or has no key tls.crt");
    await delay(500);
    await withClients(shut.port, async ({ rest }) => {
      expect(await rest.send()).toMatchObject({
        status: undefined,
        body: expect.stringContaining("ECONNREFUSED"),
      });
    });
    await folder.change(secretFiles("later", await authority.sign("ranker.test")));
    await shut.open();
    expect(await shownName(shut.port)).toBe("ranker.test");
  });
});

describe("a token", () => {
  const first = new TokenIssuer("one");
  const second = new TokenIssuer("two");
  const jwks = { from: { kind: "ConfigMap" as const, name: "issuer", key: "jwks.json" } };
  const jwt = { issuer: "https://issuer.example", audiences: ["other", "ranker"], jwks };
  const authentication: Authentication = { type: "JWT", jwt };
  let door: Door;
  beforeAll(async () => {
    await folder.change({ "configmaps/issuer/jwks.json": first.keySet });
    door = await newDoor("token", { authentication, ...PATIENT });
    await door.open();
  });

  const now = Math.floor(Date.now() / 1000);
  test.each<[string, Readonly<Record<string, string>>, string, string, typeof UNAUTHENTICATED?]>([
    ["no token", {}, "", "Jwt is missing"],
    ["a token that is none", { authorization: "Bearer hello" }, "", "Jwt is not in the form"],
    [
      "a token of another issuer",
      bearer(first.token({ iss: "https://other.example" })),
      "",
      "Jwt issuer is not",
    ],
    [
      "a token for somebody else",
      bearer(first.token({ aud: "search" })),
      "",
      "Audiences in Jwt are not allowed",
      PERMISSION_DENIED,
    ],
    ["a token that has expired", bearer(first.token({ exp: now - 3_600 })), "", "Jwt is expired"],
    ["a token that never expires", bearer(first.token({ exp: undefined })), "", "Jwt"],
    ["a token of other keys", bearer(second.token()), "", "Jwks doesn't have key to match"],
    ["a token in the query", {}, `?access_token=${first.token()}`, "Jwt is missing"],
  ])(
    "%s is refused, in the form of each protocol",
    async (_what, headers, query, words, status = UNAUTHENTICATED) => {
      await withClients(door.port, async ({ rest, grpc }) => {
        const response = await fetch(`http://127.0.0.1:${door.port}/v2/models/m/infer${query}`, {
          method: "POST",
          headers,
        });
        expect(response.status).toBe(status.rest);
        expect(await response.json()).toEqual({ error: expect.stringContaining(words) });
        expect(await rest.send(undefined, headers)).toMatchObject({ status: status.rest });
        expect(await grpc.send(undefined, headers)).toMatchObject({ status: status.grpc });
      });
      expect(world.servers.map(({ inferences }) => inferences)).toEqual([0, 0, 0]);
    },
  );

  test("that is right is let in, and goes no further", () =>
    withClients(door.port, async ({ rest, grpc }) => {
      for (const client of [rest, grpc]) {
        const outcome = await client.send(
          Buffer.from("{}"),
          bearer(first.token({ aud: ["ranker", "search"] })),
        );
        expect(outcome).toMatchObject({ status: client.good });
        expect(world.server(outcome.ip ?? "").lastHeaders).not.toHaveProperty("authorization");
      }
    }));

  test("of new keys is let in once the ConfigMap has them, and no request fails meanwhile", async () => {
    const both = JSON.stringify({
      keys: [first, second].flatMap(({ keySet }) => JSON.parse(keySet).keys),
    });
    await withClients(door.port, async ({ rest, grpc }) => {
      const headers = bearer(first.token());
      const loads = [rest, grpc].map((client) =>
        openLoop({ ...client, send: (body) => client.send(body, headers) }, 50, 3_000),
      );
      await delay(500);
      await folder.change({ "configmaps/issuer/jwks.json": both });
      expect(await door.look()).toBeUndefined();
      await until(
        "the new keys count",
        async () => (await rest.send(undefined, bearer(second.token()))).status === 200,
      );
      const [onRest = [], onGrpc = []] = await Promise.all(loads);
      expect(statuses(onRest)).toEqual({ 200: onRest.length });
      expect(statuses(onGrpc)).toEqual({ 0: onGrpc.length });
    });
  });
});

describe("a certificate of the client", () => {
  let door: Door;
  let stranger: Authority;
  beforeAll(async () => {
    stranger = await Authority.create();
    await folder.change({
      ...secretFiles("door", await authority.sign("ranker.test")),
      "secrets/clients/ca.crt": ca,
    });
    const mutualTLS = { ca: { kind: "Secret" as const, name: "clients", key: "ca.crt" } };
    door = await newDoor("mutual", {
      tls: { secretName: "door" },
      authentication: { type: "MutualTLS", mutualTLS },
    });
    await door.open();
  });
  afterAll(() => stranger?.remove());

  async function outcomeWith(client: Certificate | undefined): Promise<number | undefined> {
    const caller = tlsClient(door.port, client === undefined ? {} : { client });
    const { status } = await caller.send(Buffer.from("{}"));
    caller.close();
    return status;
  }

  test("is asked for, and must be of the right authority", async () => {
    expect(await outcomeWith(undefined)).toBeUndefined();
    expect(await outcomeWith(await stranger.sign("shop.test"))).toBeUndefined();
    expect(world.servers.map(({ inferences }) => inferences)).toEqual([0, 0, 0]);
    expect(await outcomeWith(await authority.sign("shop.test"))).toBe(200);
  });

  test("of another authority is let in once the Secret names that one", async () => {
    await folder.change({ "secrets/clients/ca.crt": ca + (await stranger.certificate()) });
    const client = await stranger.sign("shop.test");
    await until("the new authority counts", async () => (await outcomeWith(client)) === 200);
    expect(await outcomeWith(await authority.sign("shop.test"))).toBe(200);
  });
});

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}
