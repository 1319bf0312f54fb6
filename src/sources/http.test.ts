import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { httpSource } from "./http.ts";
import type { HttpAccess } from "./source-settings.ts";
import { serveFile, startModelServer } from "./testdata/model-server.ts";

const MODEL = Buffer.from("0123456789".repeat(100));

async function read(
  url: string,
  resume?: { offsetBytes: number; validator: string },
  access: HttpAccess = { authorities: [] },
) {
  const opened = await httpSource(access).open({
    url: new URL(url),
    resume,
    signal: AbortSignal.timeout(10_000),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of opened.body) chunks.push(chunk);
  return { ...opened, text: Buffer.concat(chunks).toString() };
}

test("asks for the bytes as they are, and does not decode what is encoded nevertheless", async () => {
  await using server = await startModelServer((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end("these bytes are no gzip");
  });
  expect((await read(server.url)).text).toBe("these bytes are no gzip");
  expect(server.requests[0]?.headers["accept-encoding"]).toBe("identity");
});

test("follows five redirects and refuses the sixth", async () => {
  await using server = await startModelServer((request, response, number) => {
    const left = Number(new URL(request.url ?? "", "http://x").searchParams.get("left"));
    if (left === 0) serveFile(MODEL)(request, response, number);
    else response.writeHead(302, { location: `/model.onnx?left=${left - 1}` }).end();
  });
  expect((await read(`${server.url}?left=5`)).text).toBe(MODEL.toString());
  await expect(read(`${server.url}?left=6`)).rejects.toMatchObject({
    name: "SourceError",
    terminal: true,
    message: expect.stringContaining("redirects more than 5 times"),
  });
});

test("ends a circle of redirects", async () => {
  await using server = await startModelServer((_request, response) => {
    response.writeHead(301, { location: "/model.onnx" }).end();
  });
  await expect(read(server.url)).rejects.toMatchObject({ terminal: true });
  expect(server.requests).toHaveLength(6);
});

test("sends the credentials of the URI to its own origin only, and names them nowhere", async () => {
  await using elsewhere = await startModelServer((_request, response) => response.writeHead(403).end());
  await using server = await startModelServer((request, response) => {
    const location = request.url === "/model.onnx" ? "/here" : elsewhere.url;
    response.writeHead(302, { location }).end();
  });
  const uri = server.url.replace("http://", "http://us%40er:pass%20word@");
  const error: unknown = await read(uri).catch((reason: unknown) => reason);
  const basic = `Basic ${Buffer.from("us@er:pass word").toString("base64")}`;
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
  expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  expect(error).toMatchObject({ terminal: true, found: "HTTP 403 Forbidden" });
  expect(String(error)).not.toMatch(/us@er|us%40er|pass/);
});

test("goes on with Range and If-Range", async () => {
  await using server = await startModelServer(serveFile(MODEL, { etag: '"1"' }));
  const opened = await read(server.url, { offsetBytes: 995, validator: '"1"' });
  expect(opened).toMatchObject({ offsetBytes: 995, totalBytes: 1000, text: "56789" });
  expect(server.requests[0]?.headers).toMatchObject({ range: "bytes=995-", "if-range": '"1"' });
});

test("names no validator for a weak ETag, so that nothing goes on from it", async () => {
  await using server = await startModelServer(serveFile(MODEL, { etag: 'W/"1"' }));
  expect((await read(server.url)).validator).toBeUndefined();
});

test.each([
  ["ignores Range", serveFile(MODEL, { etag: '"1"', ranges: false }), 1],
  ["has other bytes by now", serveFile(MODEL, { etag: '"2"' }), 1],
  ["refuses the range", rangesAnswer(416, { "content-range": "bytes */5" }), 2],
  ["gives another range", rangesAnswer(206, { "content-range": "bytes 1-999/1000", etag: '"1"' }), 2],
  [
    "gives a range of other bytes",
    rangesAnswer(206, { "content-range": "bytes 5-999/1000", etag: '"2"' }),
    2,
  ],
  ["gives a range without a Content-Range", rangesAnswer(206, { etag: '"1"' }), 2],
])("starts again when the server %s", async (_what, answer, requests) => {
  await using server = await startModelServer(answer);
  const opened = await read(server.url, { offsetBytes: 5, validator: '"1"' });
  expect(opened).toMatchObject({ offsetBytes: 0, text: MODEL.toString() });
  expect(server.requests).toHaveLength(requests);
});

/** Answers ranges in its own way, and whole requests well. */
function rangesAnswer(status: number, headers: Record<string, string>): ReturnType<typeof serveFile> {
  return (request, response, number) => {
    if (request.headers.range === undefined) serveFile(MODEL)(request, response, number);
    else response.writeHead(status, headers).end("partial");
  };
}

test.each([
  [206, true],
  [404, true],
  [429, false],
  [503, false],
])("HTTP %i is an error, terminal: %s", async (status, terminal) => {
  await using server = await startModelServer((_request, response) => {
    response.writeHead(status, { "retry-after": "7" }).end("nothing");
  });
  await expect(read(server.url)).rejects.toMatchObject({ terminal, retryAfterMilliseconds: 7000 });
});

test("a body that is shorter than announced is an error, and worth another try", async () => {
  await using server = await startModelServer(serveFile(MODEL, { cutAfterBytes: 300 }));
  await expect(read(server.url)).rejects.toMatchObject({ name: "SourceError", terminal: false });
});

test("an answer that is not HTTP is an error, not a crash", async () => {
  await using server = await startModelServer((_request, response) => {
    response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n");
  });
  await expect(read(server.url)).rejects.toMatchObject({ name: "SourceError", terminal: false });
});

test("a certificate that nobody vouches for is refused for good", async () => {
  const testdata = join(import.meta.dirname, "testdata");
  const key = await readFile(join(testdata, "localhost.key"), "utf8");
  const cert = await readFile(join(testdata, "localhost.crt"), "utf8");
  await using server = await startModelServer(serveFile(MODEL), { key, cert });
  await expect(read(server.url)).rejects.toMatchObject({
    terminal: true,
    found: "DEPTH_ZERO_SELF_SIGNED_CERT",
  });
  expect(server.requests).toHaveLength(0);
});

test("sends the authorization that was given to its own origin only", async () => {
  await using elsewhere = await startModelServer(serveFile(MODEL));
  await using server = await startModelServer((_request, response) => {
    response.writeHead(302, { location: elsewhere.url }).end();
  });
  const authorization = { origin: new URL(server.url).origin, value: "Bearer 5ecret" };
  expect((await read(server.url, undefined, { authorities: [], authorization })).text).toBe(MODEL.toString());
  expect(server.requests[0]?.headers.authorization).toBe("Bearer 5ecret");
  expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
});
