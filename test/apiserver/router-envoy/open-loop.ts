/**
 * Clients: single requests over both protocols, and an open-loop load, which sends at its rate whatever comes back.
 */
import { Agent, request } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";

/** How one request ended. */
export interface Outcome {
  /** HTTP status, or gRPC status; `undefined` when the connection failed. */
  readonly status: number | undefined;
  readonly milliseconds: number;
  /** Address of the server that answered. */
  readonly ip: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends one request. */
export type Send = (body?: Buffer, headers?: Readonly<Record<string, string>>) => Promise<Outcome>;

/** A client of one port. */
export interface Client {
  readonly send: Send;
  /** Status of a good answer. */
  readonly good: number;
  close(): void;
}

const PATH = "/v2/models/m/infer";

/** HTTP/1.1 on connections that are kept, unless the agent says otherwise. */
export function restClient(
  port: number,
  host = "127.0.0.1",
  agent = new Agent({ keepAlive: true, maxSockets: 512 }),
): Client {
  return {
    good: 200,
    send: (body, headers) => sendRest({ host, port }, agent, body, headers),
    close: () => agent.destroy(),
  };
}

/** HTTP/1.1, every second request on a connection of its own, as from clients without a pool. */
export function mixedClient(port: number): Client {
  const clients = [true, false].map((keepAlive) =>
    restClient(port, "127.0.0.1", new Agent({ keepAlive, maxSockets: 2_048 })),
  );
  let count = 0;
  return {
    good: 200,
    send: (...request) => {
      count += 1;
      const client = clients[count % clients.length];
      if (client === undefined) throw new Error("no client");
      return client.send(...request);
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

/** gRPC frames over one HTTP/2 connection without TLS, and over another one when the server says that it goes. */
export function grpcClient(port: number): Client {
  const sessions: ClientHttp2Session[] = [];
  const open = (): ClientHttp2Session => {
    const session = connect(`http://127.0.0.1:${port}`);
    session
      .on("error", () => {})
      .once("goaway", () => {
        // As gRPC's own clients do: what is under way is finished, what is new goes elsewhere.
        if (current === session) current = open();
      });
    sessions.push(session);
    return session;
  };
  let current = open();
  const close = () => {
    for (const session of sessions) session.destroy();
  };
  const send: Send = (_body, headers) => {
    // One that is lost is made again when it is needed.
    if (current.destroyed || current.closed) current = open();
    return sendGrpc(current, headers);
  };
  return { good: 0, send, close };
}

/** gRPC, every second request on a connection of its own. */
export function mixedGrpcClient(port: number): Client {
  const kept = grpcClient(port);
  const fresh = new Set<Client>();
  let count = 0;
  return {
    good: kept.good,
    async send(...request) {
      count += 1;
      if (count % 2 === 0) return await kept.send(...request);
      const client = grpcClient(port);
      fresh.add(client);
      const outcome = await client.send(...request);
      client.close();
      fresh.delete(client);
      return outcome;
    },
    close() {
      for (const client of [kept, ...fresh]) client.close();
    },
  };
}

/** Sends `perSecond` requests a second for a while; resolves when all have ended. */
export async function openLoop(
  { send }: Client,
  perSecond: number,
  durationMilliseconds: number,
): Promise<readonly Outcome[]> {
  const start = performance.now();
  const outcomes: Promise<Outcome>[] = [];
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= durationMilliseconds) break;
    while (outcomes.length < (elapsed * perSecond) / 1000) outcomes.push(send(Buffer.from("{}")));
    await delay(2);
  }
  return await Promise.all(outcomes);
}

/** Uses clients of both protocols, and closes them. */
export async function withClients<Result>(
  port: number,
  use: (clients: { readonly rest: Client; readonly grpc: Client }) => Promise<Result>,
): Promise<Result> {
  const clients = { rest: restClient(port), grpc: grpcClient(port) };
  try {
    return await use(clients);
  } finally {
    clients.rest.close();
    clients.grpc.close();
  }
}

/** How often each status came. */
export function statuses(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[String(status)] = (counts[String(status)] ?? 0) + 1;
  return counts;
}

/** Answers that had begun and were cut off. Nobody may ask again for them: the client has a part already. */
export function cutOff(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter(({ status, headers }) => status === undefined && headers[":status"] !== undefined);
}

/** The longest time of all, in milliseconds. */
export function slowest(outcomes: readonly Outcome[]): number {
  return Math.round(Math.max(...outcomes.map(({ milliseconds }) => milliseconds)));
}

function sendRest(
  server: { readonly host: string; readonly port: number },
  agent: Agent,
  body: Buffer = Buffer.from("{}"),
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const start = performance.now();
  return new Promise((resolve) => {
    const end = (status: number | undefined, answer: string, answerHeaders: Outcome["headers"] = {}) => {
      const ip = /"ip":"([^"]*)"/.exec(answer)?.[1];
      resolve({ status, milliseconds: performance.now() - start, ip, headers: answerHeaders, body: answer });
    };
    const call = request({ ...server, method: "POST", path: PATH, agent, headers }, (response) => {
      let answer = "";
      response.on("data", (chunk: Buffer) => {
        answer += chunk.toString();
      });
      response.on("end", () => end(response.statusCode, answer, response.headers));
      response.on("error", (error) => end(undefined, String(error)));
    });
    call.on("error", (error) => end(undefined, String(error)));
    call.end(body);
  });
}

function sendGrpc(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const start = performance.now();
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/inference.GRPCInferenceService/ModelInfer",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const seen: Record<string, string | string[] | undefined> = {};
    stream.on("response", (head) => Object.assign(seen, head));
    stream.on("trailers", (trailers) => Object.assign(seen, trailers));
    const end = (status: number | undefined, body: string) =>
      resolve({
        status,
        milliseconds: performance.now() - start,
        ip: typeof seen["x-ip"] === "string" ? seen["x-ip"] : undefined,
        headers: seen,
        body,
      });
    stream.on("end", () =>
      end(Number(seen["grpc-status"] ?? Number.NaN), String(seen["grpc-message"] ?? "")),
    );
    stream.on("error", (error) => end(undefined, String(error)));
    stream.resume();
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}
