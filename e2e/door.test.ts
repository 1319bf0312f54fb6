/**
 * A model behind a locked door, the whole way from YAML: a certificate in a Secret as cert-manager makes it, tokens
 * or certificates of clients, REST and gRPC; strangers are refused, and a renewed certificate is taken under load.
 */

import { request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Authority, type Certificate, TokenIssuer } from "../test/apiserver/router-envoy/credentials.ts";
import { exampleRows, exampleScores, inferenceBody, plainDeployment } from "./example-models.ts";
import { grpcTlsClient, predictOverGrpc } from "./inference-client.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

/** Asks clients for a token. */
const WITH_TOKENS = "ranker";
/** Asks clients for a certificate. */
const WITH_CERTIFICATES = "search";
const TIMEOUTS = { timeout: "4s", perTryTimeout: "1s" };
const issuer = new TokenIssuer("one");
const stranger = new TokenIssuer("two");
const rows = exampleRows().map(({ features }) => features);

let scenario: Scenario;
let authority: Authority;
let strangers: Authority;
let ca: string;

/** A Secret with the keys and annotations that cert-manager gives it. */
function certificateSecret(name: string, { certificate, key }: Certificate): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: {
      name: `${name}-tls`,
      labels: { "controller.cert-manager.io/fao": "true" },
      annotations: {
        "cert-manager.io/certificate-name": name,
        "cert-manager.io/common-name": name,
        "cert-manager.io/alt-names": name,
        "cert-manager.io/issuer-kind": "Issuer",
        "cert-manager.io/issuer-name": "shop",
      },
    },
    stringData: { "ca.crt": ca, "tls.crt": certificate, "tls.key": key },
  };
}

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

function guarded(name: string, authentication: object): object {
  const traffic = { ...TIMEOUTS, tls: { secretName: `${name}-tls` }, authentication };
  return plainDeployment(name, { traffic });
}

beforeAll(async () => {
  [authority, strangers] = await Promise.all([Authority.create(), Authority.create()]);
  ca = await authority.certificate();
  scenario = await Scenario.create(await sharedCluster(), "door");
  const jwks = { from: { kind: "ConfigMap", name: "issuer", key: "jwks.json" } };
  const jwt = { issuer: "https://issuer.example", audiences: [WITH_TOKENS], jwks };
  const mutualTLS = { ca: { kind: "ConfigMap", name: "clients", key: "ca.crt" } };
  const items = [
    certificateSecret(WITH_TOKENS, await authority.sign(WITH_TOKENS)),
    certificateSecret(WITH_CERTIFICATES, await authority.sign(WITH_CERTIFICATES)),
    configMap("issuer", { "jwks.json": issuer.keySet }),
    configMap("clients", { "ca.crt": ca }),
    guarded(WITH_TOKENS, { type: "JWT", jwt }),
    guarded(WITH_CERTIFICATES, { type: "MutualTLS", mutualTLS }),
  ];
  await scenario.apply({ apiVersion: "v1", kind: "List", items });
  await scenario.waitFor(WITH_TOKENS, "Ready");
  await scenario.waitFor(WITH_CERTIFICATES, "Ready");
}, 300_000);

afterAll(async () => {
  await Promise.all([authority?.remove(), strangers?.remove()]);
  await scenario?.dispose();
}, 180_000);

async function address(name: string): Promise<string> {
  return new URL(await scenario.url(name)).host;
}

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** Asks for the score of one row over HTTPS, on a connection of its own. Rejects where there is no connection. */
async function ask(
  name: string,
  headers: Readonly<Record<string, string>> = {},
  client?: Certificate,
): Promise<Answer> {
  const host = await address(name);
  const identity = client === undefined ? {} : { cert: client.certificate, key: client.key };
  return new Promise((resolve, reject) => {
    const options = { host, servername: name, ca, agent: false, method: "POST", headers, ...identity };
    const call = request({ ...options, path: `/v2/models/${name}/infer` }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }),
      );
    });
    call.setTimeout(10_000, () => call.destroy(new Error("no answer")));
    call.on("error", reject).end(inferenceBody());
  });
}

/** Serial number of the certificate that the door shows. */
async function shownSerialNumber(name: string): Promise<string> {
  const host = await address(name);
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: 443, ca, servername: name }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("a caller with a token is answered over HTTPS and over gRPC", async () => {
  const answer = await ask(WITH_TOKENS, bearer(issuer.token()));
  expect(answer.status).toBe(200);
  const [score] = JSON.parse(answer.body).outputs[0].data;
  expect(score).toBeCloseTo(exampleScores("1")[0] ?? Number.NaN, 5);
  const channel = credentials.createSsl(Buffer.from(ca));
  const client = grpcTlsClient(`https://${await address(WITH_TOKENS)}`, channel, WITH_TOKENS);
  try {
    const { scores } = await predictOverGrpc(client, WITH_TOKENS, rows, bearer(issuer.token()));
    expect(scores).toHaveLength(rows.length);
    expect(scores[0]).toBeCloseTo(score, 5);
    for (const headers of [{}, bearer(stranger.token())]) {
      const refused = predictOverGrpc(client, WITH_TOKENS, rows, headers);
      await expect(refused).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    }
  } finally {
    client.close();
  }
});

test("a stranger is refused: no token, one of other keys, one for somebody else, and nothing passes in the clear", async () => {
  expect(await ask(WITH_TOKENS)).toMatchObject({ status: 401 });
  expect(await ask(WITH_TOKENS, bearer(stranger.token()))).toMatchObject({ status: 401 });
  const forOthers = bearer(issuer.token({ aud: "billing" }));
  expect(await ask(WITH_TOKENS, forOthers)).toMatchObject({ status: 403 });
  const inTheClear = fetch(`http://${await address(WITH_TOKENS)}/v2/models/${WITH_TOKENS}`, {
    headers: bearer(issuer.token()),
  });
  await expect(inTheClear).rejects.toThrow();
});

test("where certificates are asked for, a client needs one of the right authority", async () => {
  const known = await authority.sign("shop");
  expect(await ask(WITH_CERTIFICATES, {}, known)).toMatchObject({ status: 200 });
  await expect(ask(WITH_CERTIFICATES)).rejects.toThrow();
  await expect(ask(WITH_CERTIFICATES, {}, await strangers.sign("shop"))).rejects.toThrow();
  const channel = credentials.createSsl(
    Buffer.from(ca),
    Buffer.from(known.key),
    Buffer.from(known.certificate),
  );
  const client = grpcTlsClient(`https://${await address(WITH_CERTIFICATES)}`, channel, WITH_CERTIFICATES);
  try {
    expect((await predictOverGrpc(client, WITH_CERTIFICATES, rows)).scores).toHaveLength(rows.length);
  } finally {
    client.close();
  }
});

test("a renewed certificate is served without a restart and without a failed request", async () => {
  const before = await shownSerialNumber(WITH_TOKENS);
  const routers = (await scenario.pods("router")).map(({ name }) => name).sort();
  const routersThatRenew = async () => {
    // Each connection goes to either router: so many in a row would not all meet the same one by chance.
    const shown = await Promise.all(Array.from({ length: 10 }, () => shownSerialNumber(WITH_TOKENS)));
    return shown.filter((serialNumber) => serialNumber !== before).length;
  };
  const renew = async () => {
    await scenario.apply(certificateSecret(WITH_TOKENS, await authority.sign(WITH_TOKENS)));
    // A kubelet looks for changed Secrets about once a minute; at a pod that changes it looks at once.
    const routerPods = ["pods", "--selector=petrel.dev/component=router"];
    await scenario.kubectl("annotate", ...routerPods, "example.com/renewed=1");
    await scenario.until("the new certificate is shown", routersThatRenew, (count) => count === 10);
    // Requests go on with the new one.
    await delay(2_000);
  };
  const { failures, sent } = await underLoad(scenario, WITH_TOKENS, renew, {
    url: `https://${await address(WITH_TOKENS)}`,
    tls: { ca, servername: WITH_TOKENS },
    headers: bearer(issuer.token()),
    // Half of them are handshakes, which a busy machine has to pay for on both sides.
    ratePerSecond: 20,
  });
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(20);
  expect((await scenario.pods("router")).map(({ name }) => name).sort()).toEqual(routers);
});
