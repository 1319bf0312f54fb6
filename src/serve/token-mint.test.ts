/**
 * Prediction tokens as clients get them, over REST and gRPC: what they say, and which answers have none.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { armOf } from "../stats/arm-check.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { scoreOfCode } from "../token/described-rows.ts";
import { KeyRing } from "../token/key-ring.ts";
import { ARM_CHECK, isSignedWith, readToken, tokenBytes } from "../token/prediction-token.ts";
import { absoluteSlot } from "../token/slot.ts";
import { nameTag, userTag } from "../token/tags.ts";
import { assignmentIn, readAssignment } from "../token/token-mint.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { frame } from "./grpc-wire.ts";
import { infer, MLP_REQUEST } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";
import { startConsumer, type TapConsumer } from "./testdata/tap-consumer.ts";

const SECRET = Buffer.alloc(32, 1).toString("base64");
const TIME = 1_795_000_000;
const ring = ringOf(1);
const issuer = {
  deployment: "uid-1",
  revision: "m-a",
  pool: 2,
  modelDigest: `sha256:0102a3b4${"0".repeat(56)}`,
};
const assigned = {
  [PETREL_HEADER.arm]: "Candidate",
  [PETREL_HEADER.epoch]: "7",
  [PETREL_HEADER.time]: String(TIME),
};

function ringOf(id: number): KeyRing {
  const key = { deployment: "uid-1", revision: "m-a", id, secret: SECRET };
  return KeyRing.parse(JSON.stringify({ users: SECRET, keys: [key] }));
}

let folder: string;
let consumer: TapConsumer;
let server: TestServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-mint-"));
  const socket = join(folder, "tap");
  consumer = await startConsumer(socket);
  const observed = parseObserved({ scores: { output: "score" } });
  server = await startReadyServer("mlp", {
    tokenIssuer: issuer,
    tokenScores: { output: "score", column: 0 },
    tap: { socket, observed },
  });
  session = connect(`http://${server.grpcAddress}`);
}, 60_000);

afterAll(async () => {
  session.close();
  await server.close();
  await consumer.close();
  rmSync(folder, { recursive: true });
});

const request = {
  inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], data: Array.from({ length: 12 }, () => 1) }],
};

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function overRest(headers: Record<string, string>): Promise<string | null> {
  const answer = await infer(server, request, { headers });
  expect(answer.status).toBe(200);
  return answer.headers.get(PETREL_HEADER.token);
}

function overGrpc(headers: Record<string, string>): Promise<string | null> {
  const message = encodeMessage("inference.ModelInferRequest", {
    modelName: "m",
    inputs: [
      {
        name: "features",
        datatype: "FP32",
        shape: [3, 4],
        contents: { fp32Contents: request.inputs[0]?.data },
      },
    ],
  });
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    ...headers,
  });
  return new Promise((resolve, reject) => {
    let token: string | null = null;
    stream.on("response", (answer) => {
      const value = answer[PETREL_HEADER.token];
      token = typeof value === "string" ? value : null;
    });
    stream.on("trailers", (trailers) => {
      if (trailers["grpc-status"] !== "0") reject(new Error(`gRPC status ${trailers["grpc-status"]}`));
    });
    stream.on("error", reject);
    stream.on("close", () => resolve(token));
    stream.resume();
    stream.end(frame(message));
  });
}

describe.each([
  ["REST", overRest],
  ["gRPC", overGrpc],
])("over %s", (_protocol, ask) => {
  beforeAll(() => server.server.useTokenKeys(ring));

  test("a token says what the router said, and is signed for the revision", async () => {
    const text = (await ask({ ...assigned, [PETREL_HEADER.user]: "ann" })) ?? "";
    const bytes = tokenBytes(text) ?? Buffer.alloc(0);
    const token = readToken(bytes);
    expect(token).toMatchObject({
      arm: 1,
      keyId: 1,
      seconds: TIME,
      deployment: nameTag("uid-1"),
      revision: nameTag("m-a"),
      pool: 2,
      model: 0x0102a3b4,
      epoch: 7,
      rows: 3,
    });
    expect(Buffer.from(token.userTag)).toEqual(Buffer.from(userTag("ann", ring.users)));
    expect(absoluteSlot(token.slot, token.seconds)).toBe(Math.floor(TIME / 60));
    expect(isSignedWith(bytes, ring.verifyingKey(token) ?? ring.users)).toBe(true);
  });

  test("a sidecar is told of a request by the id of its token, by which labels find it", async () => {
    const told = (id: string) =>
      consumer.events.find(({ requestId }) => Buffer.from(requestId).toString("hex") === id);
    await until(() => consumer.greetings.length > 0);
    const { requestId } = readToken(tokenBytes((await ask(assigned)) ?? "") ?? Buffer.alloc(0));
    const ofToken = Buffer.from(requestId).toString("hex");
    await until(() => told(ofToken) !== undefined);
    expect(told(ofToken)?.hasToken).toBe(true);
    // Without a token, by what its headers say.
    const ofHeader = randomUUID();
    await ask({ "x-request-id": ofHeader });
    const start = ofHeader.replaceAll("-", "").slice(0, 16);
    await until(() => told(start) !== undefined);
    expect(told(start)?.hasToken).toBe(false);
  });

  test("it tells the scores of the answer", async () => {
    const answer = await infer(server, request);
    const { outputs } = answer.body as { outputs: { data: number[] }[] };
    const token = readToken(tokenBytes((await ask(assigned)) ?? "") ?? Buffer.alloc(0));
    expect([...token.scores].map(scoreOfCode)).toEqual(
      outputs[0]?.data.map((score) => expect.closeTo(score, 4)),
    );
    expect(token.scores).toHaveLength(3);
  });

  test("requests differ in their id, and without a user in their tag", async () => {
    const tokens = await Promise.all([1, 2, 3].map(() => ask(assigned)));
    const read = tokens.map((text) => readToken(tokenBytes(text ?? "") ?? Buffer.alloc(0)));
    const distinct = (field: "requestId" | "userTag") =>
      new Set(read.map((token) => Buffer.from(token[field]).toString("hex"))).size;
    expect([distinct("requestId"), distinct("userTag")]).toEqual([3, 3]);
  });

  const salt = "ranker-b";
  const weights = [3_000, 7_000];
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const [candidates, others] = [0, 1].map((arm) =>
    users.filter((user) => armOf(user, salt, weights) === arm),
  );
  const checks: readonly [string, string, string | undefined, number][] = [
    ["of a user of the arm", "3000/10000 ranker-b x-user-id", candidates?.[0], ARM_CHECK.right],
    ["of a user of the other arm", "3000/10000 ranker-b x-user-id", others?.[0], ARM_CHECK.wrong],
    ["with the salt of another release", "0/10000 ranker-c x-user-id", candidates?.[0], ARM_CHECK.wrong],
    ["of a user whom no header names", "3000/10000 ranker-b x-other", candidates?.[0], ARM_CHECK.unchecked],
    [
      "of a name that may have been cut off",
      "3000/10000 ranker-b x-user-id",
      "x".repeat(512),
      ARM_CHECK.unchecked,
    ],
    ["that is drawn by itself", "-", undefined, ARM_CHECK.unchecked],
    [
      "of an arm that the experiment does not give this user",
      "2=0,1=0,0=10000/10000 ranker-b x-user-id",
      candidates?.[0],
      ARM_CHECK.wrong,
    ],
    [
      "of the arm that the experiment gives this user",
      "2=0,1=10000,0=0/10000 ranker-b x-user-id",
      candidates?.[0],
      ARM_CHECK.right,
    ],
    ["with weights of another whole", "3/10 ranker-b x-user-id", candidates?.[0], ARM_CHECK.unchecked],
    ["of which nothing is said", "", candidates?.[0], ARM_CHECK.untold],
  ];
  test.each(checks)("the arm of a request %s is checked", async (_what, split, user, check) => {
    const named = user === undefined ? {} : { [PETREL_HEADER.user]: user, "x-user-id": user };
    const text = (await ask({ ...assigned, ...named, [PETREL_HEADER.split]: split })) ?? "";
    const { armCheck, pool } = readToken(tokenBytes(text) ?? Buffer.alloc(0));
    expect({ armCheck, pool }).toEqual({ armCheck: check, pool: 2 });
  });

  const unassigned: readonly [string, Record<string, string>][] = [
    ["that no router has sent", {}],
    ["without an arm", { ...assigned, [PETREL_HEADER.arm]: "" }],
    ["of an arm that is not known", { ...assigned, [PETREL_HEADER.arm]: "constructor" }],
    ["without an epoch", { ...assigned, [PETREL_HEADER.epoch]: "-" }],
    ["without a time", { ...assigned, [PETREL_HEADER.time]: "" }],
    ["of a time that does not fit", { ...assigned, [PETREL_HEADER.time]: "9999999999" }],
    ["that is excluded", { ...assigned, [PETREL_HEADER.excluded]: "1" }],
  ];
  test.each(unassigned)("a request %s is answered without a token", async (_what, headers) => {
    expect(await ask(headers)).toBeNull();
  });

  test("other keys sign as soon as they are there", async () => {
    server.server.useTokenKeys(ringOf(2));
    const text = (await ask(assigned)) ?? "";
    expect(readToken(tokenBytes(text) ?? Buffer.alloc(0)).keyId).toBe(2);
    server.server.useTokenKeys(ring);
  });

  test("without a key for the revision there are answers, and no tokens", async () => {
    server.server.useTokenKeys(KeyRing.parse(JSON.stringify({ users: SECRET, keys: [] })));
    expect(await ask(assigned)).toBeNull();
  });
});

test.each([
  ["ArmB", 3],
  ["Holdout", 15],
])("the token of a request of an experiment has the number of its arm: %s", async (name, arm) => {
  server.server.useTokenKeys(ring);
  const text = (await overRest({ ...assigned, [PETREL_HEADER.arm]: name })) ?? "";
  expect(readToken(tokenBytes(text) ?? Buffer.alloc(0)).arm).toBe(arm);
});

test("a user whom two headers name is not named once: routers hash both, and tell the first", () => {
  const split = [PETREL_HEADER.split, "3000/10000 ranker-b x-user-id"];
  const named = (...names: string[]) => [...split, ...names.flatMap((name) => [name, "ann"])];
  for (const read of [
    readAssignment,
    (raw: string[]) => assignmentIn({ [PETREL_HEADER.split]: split[1] }, raw),
  ]) {
    expect(read(named("X-User-Id")).isNamedOnce).toBe(true);
    expect(read(named("x-user-id", "X-USER-ID")).isNamedOnce).toBe(false);
    expect(read(named("x-user")).isNamedOnce).toBe(false);
  }
  expect(readAssignment([PETREL_HEADER.split, "-", "x-user-id", "ann"]).isNamedOnce).toBe(false);
});

test("a server that is told of no issuer gives no token", async () => {
  const plain = await startReadyServer("mlp");
  try {
    plain.server.useTokenKeys(ring);
    const answer = await infer(plain, MLP_REQUEST, { headers: assigned });
    expect(answer.headers.get(PETREL_HEADER.token)).toBeNull();
  } finally {
    await plain.close();
  }
}, 60_000);

test("the metrics tell what became of tokens", async () => {
  const text = await (await fetch(server.metricsUrl)).text();
  const counted = (outcome: string) =>
    Number(new RegExp(`petrel_serve_tokens_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1]);
  expect(["minted", "unassigned", "excluded", "no_key"].map(counted)).toEqual([36, 16, 2, 2]);
});
