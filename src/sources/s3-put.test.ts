/** What is sent to write an object, and what each answer means. Whether a real store agrees is seen in another tier. */
import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { HttpClient } from "./http-client.ts";
import { fixedCredentials } from "./s3-credentials.ts";
import { ObjectWriter } from "./s3-put.ts";
import { S3Requests } from "./s3-requests.ts";
import { type Answer, startModelServer } from "./testdata/model-server.ts";

const OBJECT = {
  bucket: "training",
  key: "ranker/a b.ndjson.gz",
  contentType: "application/gzip",
  bytes: Buffer.from("lines"),
};

async function putting(answer: Answer, timeoutMilliseconds = 60_000) {
  await using server = await startModelServer(answer);
  const credentials = fixedCredentials({ accessKeyId: "key", secretAccessKey: "5ecret" });
  const access = { endpoint: new URL(server.url).origin, region: "us-east-1", credentials };
  const requests = new S3Requests(new HttpClient({ authorities: [] }), access);
  const writer = new ObjectWriter(requests, timeoutMilliseconds, systemClock);
  const outcome = await writer
    .put(OBJECT, AbortSignal.timeout(60_000))
    .then((value) => ({ value }))
    .catch((error: unknown) => ({ error }));
  return { outcome, request: server.requests[0] };
}

test("an object is sent whole, signed, and only where there is none", async () => {
  const bodies: string[] = [];
  const { outcome, request } = await putting((request, response) => {
    request.on("data", (chunk: Buffer) => bodies.push(chunk.toString()));
    request.on("end", () => response.end());
  });
  expect(outcome).toEqual({ value: "Written" });
  expect(bodies).toEqual(["lines"]);
  expect(request).toMatchObject({ method: "PUT", url: "/training/ranker/a%20b.ndjson.gz" });
  expect(request?.headers).toMatchObject({
    "content-length": "5",
    "content-type": "application/gzip",
    "if-none-match": "*",
    authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=key\//),
  });
  expect(JSON.stringify(request?.headers)).not.toContain("5ecret");
});

test("one that is there already is as good as written", async () => {
  const { outcome } = await putting((_, response) => {
    response.writeHead(412).end("<Error><Code>PreconditionFailed</Code></Error>");
  });
  expect(outcome).toEqual({ value: "ThereAlready" });
});

test("a store that does not have the condition is asked without it from then on", async () => {
  const conditions: unknown[] = [];
  await using server = await startModelServer((request, response) => {
    const { "if-none-match": condition } = request.headers;
    conditions.push(condition);
    request.resume().on("end", () => {
      response
        .writeHead(condition === undefined ? 200 : 501)
        .end("<Error><Code>NotImplemented</Code></Error>");
    });
  });
  const credentials = fixedCredentials(undefined);
  const access = { endpoint: new URL(server.url).origin, region: "us-east-1", credentials };
  const requests = new S3Requests(new HttpClient({ authorities: [] }), access);
  const writer = new ObjectWriter(requests, 60_000, systemClock);
  const put = () => writer.put(OBJECT, AbortSignal.timeout(60_000));
  expect([await put(), await put()]).toEqual(["Written", "Written"]);
  expect(conditions).toEqual(["*", undefined, undefined]);
});

test("one that has not the request itself is not asked again and again", async () => {
  let times = 0;
  const { outcome } = await putting((_, response) => {
    times++;
    response.writeHead(501).end("<Error><Code>NotImplemented</Code></Error>");
  });
  const message = "PUT s3://training/ranker/a b.ndjson.gz answered HTTP 501 NotImplemented";
  expect(outcome).toMatchObject({ error: { message } });
  expect(times).toBe(2);
});

test.each([
  [403, "AccessDenied", true],
  [503, "SlowDown", false],
])("a refusal with %d %s is told by its code", async (status, code, terminal) => {
  const { outcome } = await putting((_, response) => {
    response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
  });
  const message = `PUT s3://training/ranker/a b.ndjson.gz answered HTTP ${status} ${code}`;
  expect(outcome).toMatchObject({ error: { name: "SourceError", message, terminal } });
});

test("a store that does not answer is given up in time", async () => {
  const { outcome } = await putting(() => {}, 50);
  const message = "PUT s3://training/ranker/a b.ndjson.gz: expected an answer within 0.05 s";
  expect(outcome).toMatchObject({ error: { name: "SourceError", message, terminal: false } });
});
