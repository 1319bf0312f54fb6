/**
 * Models through a proxy: tunnels to servers that a private authority vouches for, what is reached without it, and what
 * is said when it refuses. The server's port is known to the proxy alone, so nothing arrives by another way.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { httpSource } from "./http.ts";
import { HttpClient } from "./http-client.ts";
import type { OpenedModel } from "./model-source.ts";
import { parseProxy } from "./proxy.ts";
import { isProxyException, isReachedDirectly } from "./proxy-exceptions.ts";
import { s3Source } from "./s3.ts";
import { fixedCredentials, webIdentityCredentials } from "./s3-credentials.ts";
import type { HttpAccess } from "./source-settings.ts";
import { serveFile, startModelServer } from "./testdata/model-server.ts";
import { startObjectStore } from "./testdata/object-store.ts";
import { startProxy } from "./testdata/proxy-server.ts";

const MODEL = Buffer.from("0123456789".repeat(100));
/** Nobody listens at this port of this machine: who gets an answer from it went through the proxy. */
const BEHIND = "https://localhost:9";

let tls: { key: string; cert: string };

beforeAll(async () => {
  const read = (name: string) => readFile(join(import.meta.dirname, "testdata", name), "utf8");
  tls = { key: await read("localhost.key"), cert: await read("localhost.crt") };
});

const signal = () => AbortSignal.timeout(10_000);

/** With the authority that vouches for the servers here. */
function accessThrough(proxy: string, exceptions: readonly string[] = []): HttpAccess {
  const server = parseProxy(proxy);
  if (server === undefined) throw new Error(`${proxy} is no proxy`);
  return { authorities: [tls.cert], proxy: { server, exceptions } };
}

async function textOf({ body }: OpenedModel): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function read(url: string, access: HttpAccess): Promise<string> {
  return await textOf(await httpSource(access).open({ url: new URL(url), signal: signal() }));
}

const asked = (proxy: { readonly requests: readonly IncomingMessage[] }) =>
  proxy.requests.map(({ method, url }) => `${method} ${url}`);

describe("https", () => {
  test("goes through a tunnel, which the private authority vouches for at its far end", async () => {
    await using server = await startModelServer(serveFile(MODEL), tls);
    await using proxy = await startProxy({ to: server.url });
    expect(await read(`${BEHIND}/model.onnx`, accessThrough(proxy.url))).toBe(MODEL.toString());
    expect(asked(proxy)).toEqual(["CONNECT localhost:9"]);
    expect(server.requests.map(({ url }) => url)).toEqual(["/model.onnx"]);
  });

  test("is refused at a server that nobody vouches for, before it gets the request", async () => {
    await using server = await startModelServer(serveFile(MODEL), tls);
    await using proxy = await startProxy({ to: server.url });
    const access = { ...accessThrough(proxy.url), authorities: [] };
    await expect(read(`${BEHIND}/model.onnx`, access)).rejects.toMatchObject({
      terminal: true,
      message: `the connection to ${BEHIND}/model.onnx through the proxy ${proxy.url} failed: DEPTH_ZERO_SELF_SIGNED_CERT`,
    });
    expect(server.requests).toHaveLength(0);
  });

  test("sends its own authorization to the server and not to the proxy", async () => {
    await using server = await startModelServer(serveFile(MODEL), tls);
    await using proxy = await startProxy({ to: server.url });
    const authorization = { origin: BEHIND, value: "Bearer 5ecret" };
    await read(`${BEHIND}/model.onnx`, { ...accessThrough(proxy.url), authorization });
    expect(server.requests[0]?.headers.authorization).toBe("Bearer 5ecret");
    expect(proxy.requests[0]?.headers.authorization).toBeUndefined();
  });

  test("does not go through it to its exceptions", async () => {
    await using server = await startModelServer(serveFile(MODEL), tls);
    await using proxy = await startProxy({});
    for (const exception of ["127.0.0.1", "127.0.0.0/8"])
      expect(await read(server.url, accessThrough(proxy.url, ["a.example", exception]))).toBe(
        MODEL.toString(),
      );
    expect(proxy.requests).toHaveLength(0);
  });

  test("a redirect to an exception leaves the proxy", async () => {
    await using near = await startModelServer(serveFile(MODEL), tls);
    await using far = await startModelServer((_request, response) => {
      response.writeHead(302, { location: near.url }).end();
    }, tls);
    await using proxy = await startProxy({ to: far.url });
    expect(await read(`${BEHIND}/model.onnx`, accessThrough(proxy.url, ["127.0.0.1"]))).toBe(
      MODEL.toString(),
    );
    expect(asked(proxy)).toEqual(["CONNECT localhost:9"]);
  });
});

describe("http", () => {
  test("is sent to it whole, but not to its exceptions", async () => {
    await using server = await startModelServer(serveFile(MODEL));
    await using proxy = await startModelServer(serveFile(MODEL));
    const access = accessThrough(new URL(proxy.url).origin, ["127.0.0.1"]);
    expect(await read("http://models.example:81/model.onnx?a=b", access)).toBe(MODEL.toString());
    expect(await read(server.url, access)).toBe(MODEL.toString());
    expect(asked(proxy)).toEqual(["GET http://models.example:81/model.onnx?a=b"]);
    expect(proxy.requests[0]?.headers.host).toBe("models.example:81");
  });
});

describe("s3", () => {
  const OBJECTS = new Map([
    ["ranker/1/model.onnx", MODEL],
    ["ranker/config.json", Buffer.from("{}")],
  ]);

  test("lists and reads a store with a private authority through tunnels", async () => {
    await using store = await startObjectStore(OBJECTS, tls);
    await using proxy = await startProxy({ to: store.access.endpoint ?? "" });
    const source = s3Source(accessThrough(proxy.url), { ...store.access, endpoint: BEHIND });
    const location = await source.locate({ url: new URL("s3://bucket/ranker"), signal: signal() });
    if (location.type !== "Directory") throw new Error(location.type);
    expect(location.files.map(({ path }) => path)).toEqual(["1/model.onnx", "config.json"]);
    const opened = await source.open({ url: new URL("s3://bucket/ranker/1/model.onnx"), signal: signal() });
    expect(await textOf(opened)).toBe(MODEL.toString());
    expect(new Set(asked(proxy))).toEqual(new Set(["CONNECT localhost:9"]));
  });

  test("exchanges the pod's identity through the proxy as well", async () => {
    await using service = await startModelServer((_request, response) => response.writeHead(403).end(), tls);
    await using proxy = await startProxy({ to: service.url });
    const tokenFile = join(import.meta.dirname, "testdata/localhost.crt");
    const identity = { endpoint: BEHIND, roleArn: undefined, tokenFile, session: "petrel-fetch" };
    const credentials = webIdentityCredentials(identity, new HttpClient(accessThrough(proxy.url)), Date.now);
    await expect(credentials(signal())).rejects.toMatchObject({ found: "HTTP 403" });
    expect(asked(proxy)).toEqual(["CONNECT localhost:9"]);
    expect(service.requests.map(({ method }) => method)).toEqual(["POST"]);
  });

  test("names the proxy that does not let it through", async () => {
    await using proxy = await startProxy({});
    const access = { endpoint: BEHIND, region: "r", credentials: fixedCredentials(undefined) };
    const source = s3Source(accessThrough(proxy.url), access);
    await expect(
      source.locate({ url: new URL("s3://bucket/ranker"), signal: signal() }),
    ).rejects.toMatchObject({
      message: expect.stringContaining(`the proxy ${proxy.url} does not connect to localhost:9`),
    });
  });
});

describe("a proxy", () => {
  test("gets its own credentials, for tunnels and for plain requests", async () => {
    await using server = await startModelServer(serveFile(MODEL), tls);
    await using proxy = await startProxy({ to: server.url, credentials: "pet rel:5ecret" });
    const access = accessThrough(proxy.url.replace("://", "://pet%20rel:5ecret@"));
    expect(await read(`${BEHIND}/model.onnx`, access)).toBe(MODEL.toString());
    expect(server.requests[0]?.headers["proxy-authorization"]).toBeUndefined();
    // This one carries tunnels alone.
    await expect(read("http://models.example/model.onnx", access)).rejects.toMatchObject({
      message: `GET http://models.example/model.onnx through the proxy ${proxy.url} answered HTTP 502 Bad Gateway`,
      terminal: false,
    });
  });

  test.each([
    ["https", `${BEHIND}/model.onnx`, "localhost:9"],
    ["http", "http://models.example/model.onnx", "models.example"],
  ])(
    "that wants other credentials refuses for good, over %s, and no message holds them",
    async (_scheme, url, host) => {
      await using proxy = await startProxy({ credentials: "petrel:another" });
      const access = accessThrough(proxy.url.replace("://", "://petrel:5ecret@"));
      const error: unknown = await read(url, access).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        name: "SourceError",
        terminal: true,
        message: `the proxy ${proxy.url} does not connect to ${host}: expected a connection through it, found HTTP 407 Proxy Authentication Required`,
      });
      // As a log would write it, with its cause.
      const { message, stack, cause } = error as Error;
      expect(
        JSON.stringify([message, stack, String(cause), (cause as Error | undefined)?.stack]),
      ).not.toMatch(/5ecret|NWVjcmV0|petrel:/);
    },
  );

  test.each([
    ["HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden", true],
    ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP 503 Service Unavailable", false],
  ])("that answers a tunnel with %j is named, with %s", async (says, found, terminal) => {
    await using proxy = await startProxy({ says });
    await expect(read(`${BEHIND}/model.onnx`, accessThrough(proxy.url))).rejects.toMatchObject({
      terminal,
      found,
      message: expect.stringContaining(`the proxy ${proxy.url} does not connect to localhost:9`),
    });
  });

  test.each([
    ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "HPE_INVALID_CONSTANT"],
    ["", "ECONNRESET"],
  ])("that answers a tunnel with %j is named, with %s", async (says, found) => {
    await using proxy = await startProxy({ says });
    await expect(read(`${BEHIND}/model.onnx`, accessThrough(proxy.url))).rejects.toMatchObject({
      terminal: false,
      message: `the connection to ${BEHIND}/model.onnx through the proxy ${proxy.url} failed: ${found}`,
    });
  });

  test.each(["https://localhost:9/model.onnx", "http://models.example/model.onnx"])(
    "that is not there is named, on the way to %s",
    async (url) => {
      const access = accessThrough("http://petrel:5ecret@127.0.0.1:9");
      await expect(read(url, access)).rejects.toMatchObject({
        terminal: false,
        message: `the connection to ${url} through the proxy http://127.0.0.1:9 failed: ECONNREFUSED`,
      });
    },
  );

  test.each([["https://localhost:9/model.onnx"], ["http://models.example/model.onnx"]])(
    "that says nothing is let go with the attempt, on the way to %s",
    async (url) => {
      await using proxy = await startProxy({ isSilent: true });
      const attempt = AbortSignal.timeout(200);
      const opened = httpSource(accessThrough(proxy.url)).open({ url: new URL(url), signal: attempt });
      await expect(opened).rejects.toMatchObject({ found: "ABORT_ERR", terminal: false });
      // Else a process would not end before the proxy does.
      await proxy.allClosed();
    },
  );

  test.each(["https://localhost:9/model.onnx", "http://models.example/model.onnx"])(
    "over TLS is vouched for by the private authority, on the way to %s",
    async (url) => {
      await using server = await startModelServer(serveFile(MODEL), tls);
      await using proxy = await startProxy({ to: server.url, tls });
      const access = accessThrough(proxy.url);
      const result = await read(url, access).catch((error: unknown) => error);
      if (url.startsWith("https:")) expect(result).toBe(MODEL.toString());
      else expect(result).toMatchObject({ found: "HTTP 502 Bad Gateway" });
      await expect(read(url, { ...access, authorities: [] })).rejects.toMatchObject({
        terminal: true,
        message: `the connection to ${url} through the proxy ${proxy.url} failed: DEPTH_ZERO_SELF_SIGNED_CERT`,
      });
    },
  );
});

test.each([
  ["https://store.example/a", ["store.example"], true],
  ["https://STORE.example/a", ["Store.Example "], true],
  ["https://store.example./a", ["store.example"], true],
  ["https://store.example/a", ["store.example:443"], true],
  ["http://store.example/a", ["store.example:443"], false],
  ["https://store.example:9000/a", ["store.example:9000"], true],
  ["https://store.example/a", ["store.example."], true],
  ["https://a.store.example/a", ["store.example"], true],
  ["https://a.store.example:9000/a", ["store.example:9000"], true],
  ["https://astore.example/a", ["store.example"], false],
  ["https://example/a", ["store.example"], false],
  ["https://10.1.2.3/a", ["2.3"], false],
  ["https://[::1]/a", ["0:0:0:0:0:0:0:1"], true],
  ["https://[::1]:9000/a", ["[0::1]:9000"], true],
  ["https://[::ffff:10.1.2.3]/a", ["10.1.2.3"], true],
  ["https://10.1.2.3/a", ["::ffff:a01:203"], true],
  ["https://[::ffff:10.1.2.3]/a", ["10.0.0.0/8"], true],
  ["https://[::ffff:11.1.2.3]/a", ["10.0.0.0/8"], false],
  ["https://a.b.svc/a", [".svc"], true],
  ["https://a.b.svc/a", ["*.svc"], true],
  ["https://asvc/a", [".svc"], false],
  ["https://a.svc.example/a", [".svc"], false],
  ["https://10.1.2.3/a", ["10.0.0.0/8"], true],
  ["https://11.1.2.3/a", ["10.0.0.0/8"], false],
  ["https://10.1.2.3/a", ["10.0.0.0/33"], false],
  ["https://store.example/a", ["0.0.0.0/0"], false],
  ["https://[fd00::1]/a", ["fd00::/8"], true],
  ["https://[fd00::1]/a", ["fd00::1"], true],
  ["https://[fd00::1]:9000/a", ["[fd00::1]:9000"], true],
  ["https://[fe00::1]/a", ["fd00::/8"], false],
  ["https://store.example/a", ["", " "], false],
  ["https://store.example/a", ["other.example", "*"], true],
] as const)("%s with the exceptions %j is reached directly: %s", (url, exceptions, isDirect) => {
  expect(isReachedDirectly(new URL(url), exceptions)).toBe(isDirect);
});

test.each([
  ...[
    "store.example",
    "store.example.:443",
    ".svc",
    "*.svc",
    "*",
    "10.0.0.1:80",
    "10.0.0.0/8",
    "[::1]:80",
  ].map((text) => [text, true] as const),
  ...[
    "http://store.example",
    "10.0.0.0/33",
    "store/8",
    "store:port",
    "store:65536",
    "a..b",
    "[::1",
    "s*",
  ].map((text) => [text, false] as const),
])("%s can be read as an exception: %s", (text, isOne) => {
  expect(isProxyException(text)).toBe(isOne);
});

test.each([
  ["http://proxy:3128", "http://proxy:3128"],
  ["https://proxy.example/", "https://proxy.example"],
  ["http://[fd00::1]:3128", "http://[fd00::1]:3128"],
  ["http://name:pass%20word@proxy:3128", "http://proxy:3128"],
  ["http://name:pass%zz@proxy:3128", undefined],
  ["socks5://proxy:1080", undefined],
  ["proxy:3128", undefined],
  ["http://proxy:3128/path", undefined],
  ["http://proxy:3128?x=1", undefined],
])("%s as a proxy is shown as %s", (text, shown) => {
  expect(parseProxy(text)?.shown).toBe(shown);
});
