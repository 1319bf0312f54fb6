/**
 * That the bucket is reached by the way that the settings name and by no other. The store's port is known to the proxy
 * alone, so nothing arrives without it.
 */
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { startModelServer } from "../sources/testdata/model-server.ts";
import { startProxy } from "../sources/testdata/proxy-server.ts";
import { parseTrainingLog } from "./log-settings.ts";
import { LogStore, type PutFile } from "./log-store.ts";

const CERTIFICATES = join(import.meta.dirname, "../sources/testdata");
const authorities = join(CERTIFICATES, "localhost.crt");
const tls = {
  key: readFileSync(join(CERTIFICATES, "localhost.key"), "utf8"),
  cert: readFileSync(authorities, "utf8"),
};

function storeOf(bucket: object): LogStore {
  const parsed = parseTrainingLog({ folder: "/logs", bucket: { name: "training", ...bucket } }, "log").bucket;
  if (parsed === undefined) throw new Error("expected a bucket");
  return new LogStore(parsed, {}, systemClock);
}

const open = async (proxy: string, exceptions: readonly string[] = []): Promise<PutFile> =>
  await storeOf({ endpoint: "https://localhost:9", authorities, proxy: { url: proxy, exceptions } }).open();

const put = (file: PutFile) => file("requests/a", Buffer.from("lines"), AbortSignal.timeout(10_000));

test("a file goes through the proxy, to a store that a private authority vouches for", async () => {
  const bodies: string[] = [];
  await using store = await startModelServer((request, response) => {
    request.on("data", (chunk: Buffer) => bodies.push(chunk.toString()));
    request.on("end", () => response.end());
  }, tls);
  await using proxy = await startProxy({ to: store.url });
  expect(await put(await open(proxy.url))).toBe("Written");
  expect(bodies).toEqual(["lines"]);
  expect(store.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(["PUT /training/requests/a"]);
  expect(proxy.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(["CONNECT localhost:9"]);
});

test("a store that is opened again has the same connections, and others once another authority vouches for it", async () => {
  const authority = join(mkdtempSync(join(tmpdir(), "petrel-log-store-")), "ca.crt");
  copyFileSync(authorities, authority);
  const connections = new Set<unknown>();
  await using server = await startModelServer((request, response) => {
    connections.add(request.socket);
    request.resume().on("end", () => response.end());
  }, tls);
  const store = storeOf({ endpoint: new URL(server.url).origin, authorities: authority });
  for (let times = 0; times < 3; times++) expect(await put(await store.open())).toBe("Written");
  expect(connections.size).toBe(1);
  appendFileSync(authority, readFileSync(authorities));
  await put(await store.open());
  expect(connections.size).toBe(2);
});

test("an exception is reached without it", async () => {
  await using proxy = await startProxy({});
  await expect(put(await open(proxy.url, ["localhost"]))).rejects.toThrow("ECONNREFUSED");
  expect(proxy.requests).toEqual([]);
});

test("an exception that cannot be read is not passed over", async () => {
  await expect(open("http://proxy:3128", [".svc", "10.0.0.0/33"])).rejects.toThrow("found 10.0.0.0/33");
});

test("what is no proxy is not passed over, and not shown", async () => {
  const refused = open("http://name:5ecret@proxy:port");
  await expect(refused).rejects.toThrow(
    "the proxy is not valid: expected http://HOST:PORT, found another text",
  );
  await expect(refused).rejects.not.toThrow("5ecret");
});
