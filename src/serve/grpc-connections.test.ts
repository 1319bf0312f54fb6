import { readFileSync } from "node:fs";
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer,
  type ServerHttp2Stream,
} from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, expect, jest, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { listen } from "../process/bounded-http-server.ts";
import { GrpcConnections } from "./grpc-connections.ts";
import { frame } from "./grpc-wire.ts";
import { JumpingClock } from "./testdata/jumping-clock.ts";
import { startServer, type TestServer, tinyModelFile } from "./testdata/server.ts";

jest.setTimeout(120_000);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

async function listening(): Promise<{ readonly server: TestServer; readonly clock: JumpingClock }> {
  const clock = new JumpingClock();
  const server = await startServer(tinyModelFile("mlp"), {}, clock);
  cleanups.push(server.close);
  return { server, clock };
}

async function silent({ grpcAddress }: TestServer): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = connect(Number(grpcAddress.split(":")[1]), "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // The server has accepted it once it says something.
  await new Promise((resolve) => socket.once("data", resolve));
  return { socket, closed };
}

function opened(server: TestServer): ClientHttp2Session {
  const session = connectHttp2(`http://${server.grpcAddress}`);
  session.on("error", () => {});
  cleanups.push(() => session.destroy());
  return session;
}

function call(session: ClientHttp2Session, method: string, message: Buffer) {
  const stream = session.request({
    ":method": "POST",
    ":path": `/inference.GRPCInferenceService/${method}`,
    "content-type": "application/grpc",
  });
  stream.on("error", () => {});
  stream.resume();
  stream.write(message);
  return stream;
}

test("a connection that never asks anything is ended soon", async () => {
  const { server, clock } = await listening();
  const { closed } = await silent(server);
  clock.jump(11_000);
  await closed;
});

test("a connection is ended when it asks nothing any more for minutes, and not before", async () => {
  const { server, clock } = await listening();
  const session = opened(server);
  const stream = call(session, "ServerLive", frame(Buffer.alloc(0))).end();
  await new Promise((resolve) => stream.once("close", resolve));
  clock.jump(200_000);
  // The server looks once a second: this one is ended, so it has looked.
  const { closed } = await silent(server);
  clock.jump(11_000);
  await closed;
  expect(session.closed).toBe(false);
  const ended = new Promise((resolve) => session.once("close", resolve));
  clock.jump(100_000);
  await ended;
});

test("a connection is not ended while a call is under way", async () => {
  const { server, clock } = await listening();
  const session = opened(server);
  // Half of a message: the call lasts until the request time-out, which counts from here.
  const stream = call(session, "ServerLive", frame(Buffer.alloc(9)).subarray(0, 7));
  await new Promise((resolve) => session.ping((_error, duration) => resolve(duration)));
  const { closed } = await silent(server);
  clock.jump(11_000);
  await closed;
  expect([stream.closed, session.closed]).toEqual([false, false]);
});

test("no timer is left when the last call ends after the server was told to close", async () => {
  const clock = new VirtualClock();
  const server = createServer();
  const connections = new GrpcConnections(server, clock);
  const called = new Promise<ServerHttp2Stream>((resolve) => {
    server.on("session", (session) => connections.add(session));
    server.on("stream", (stream) => {
      connections.call(stream);
      resolve(stream);
    });
  });
  const session = connectHttp2(`http://127.0.0.1:${await listen(server, "127.0.0.1", 0)}`);
  cleanups.push(() => session.destroy());
  session.request({ ":method": "POST" }).resume().end();
  const stream = await called;
  const ended = new Promise((resolve) => stream.once("close", resolve));
  const closed = new Promise((resolve) => server.close(resolve));
  connections.close();
  stream.respond({ ":status": 200 }, { endStream: true });
  stream.resume();
  await Promise.all([ended, closed]);
  expect(clock.nextTimerAt()).toBeUndefined();
});

test("the system asks whether a silent peer is still there", async () => {
  const { server } = await listening();
  const { socket } = await silent(server);
  const hex = (port: number | undefined) => `:${(port ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
  const line = lines.find((one) => {
    const [, local = "", remote = ""] = one.trim().split(/\s+/);
    return local.endsWith(hex(socket.remotePort)) && remote.endsWith(hex(socket.localPort));
  });
  // Timer 2 is the one that probes.
  expect(line?.trim().split(/\s+/)[5]).toMatch(/^02:/);
});
