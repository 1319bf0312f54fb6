/** What is sent to write an object, and what each answer means. Whether a real store agrees is seen in another tier. */
import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { fixedCredentials } from "./s3-credentials.ts";
import { putObject } from "./s3-put.ts";
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
  const requests = new S3Requests({ authorities: [] }, access);
  const outcome = await putObject(
    requests,
    OBJECT,
    timeoutMilliseconds,
    systemClock,
    AbortSignal.timeout(60_000),
  )
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
