/** The sidecar before runtimes and clients that are slow, silent, gone or cut. */
import { createServer, request as httpRequest } from "node:http";
import { connect as connectHttp2, constants, createServer as createHttp2Server } from "node:http2";
import { connect, createServer as createNetServer } from "node:net";
import { afterEach, expect, jest, test } from "@jest/globals";
import { encodeMessage } from "../serve/grpc-messages.ts";
import { frame } from "../serve/grpc-wire.ts";
import { grpcClient } from "../serve/testdata/grpc-client.ts";
import { cleanups, inline, portOf, post, upstream } from "./testdata/inline.ts";
import { until } from "./testdata/observing.ts";

jest.setTimeout(60_000);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test("bodies stream: the runtime has the beginning before the client has sent the end", async () => {
  const began = Promise.withResolvers<void>();
  const url = await upstream(
    createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => {
        text += chunk;
        began.resolve();
      });
      request.on("end", () => response.end(text));
    }),
  );
  const { rest } = await inline({ rest: url });
  const answer = Promise.withResolvers<string>();
  const client = httpRequest(`${rest}/v2/models/m/infer`, { method: "POST" }, (response) => {
    response.setEncoding("utf8").on("data", answer.resolve);
  });
  client.write("first,");
  await began.promise;
  client.end("last");
  expect(await answer.promise).toBe("first,last");
});

test("a client that reads nothing holds the runtime back, not memory", async () => {
  let written = 0;
  const url = await upstream(
    createServer((request, response) => {
      request.resume();
      const chunk = Buffer.alloc(2 ** 20);
      const write = () => {
        if (written++ === 256) response.end();
        else if (response.write(chunk)) setImmediate(write);
        else response.once("drain", write);
      };
      write();
    }),
  );
  const { rest, observer } = await inline({ rest: url });
  const socket = connect(Number(new URL(rest).port), "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.pause();
  socket.write("POST /v2/models/m/infer HTTP/1.1\r\nhost: m\r\ncontent-length: 0\r\n\r\n");
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(written).toBeGreaterThan(0);
  // Of 256 MiB, what the buffers of the sockets hold.
  expect(written).toBeLessThan(64);
  expect(observer.keptBytes).toBeLessThanOrEqual(2 ** 20);
  socket.destroy();
  await until(() => observer.keptBytes === 0);
});

test("a runtime that is not there is 502 and UNAVAILABLE", async () => {
  const { rest, grpc, events } = await inline({});
  const answer = await post(rest, "{}");
  expect([answer.status, await answer.json()]).toEqual([502, { error: "the model runtime does not answer" }]);
  const client = grpcClient(grpc);
  cleanups.push(client.close);
  await expect(client.inference("ModelInfer", { modelName: "m" })).rejects.toMatchObject({ code: 14 });
  expect(events.map(({ status }) => status)).toEqual([502, 503]);
});

test("a runtime that does not answer in time is 504 and DEADLINE_EXCEEDED", async () => {
  const silent = createHttp2Server();
  silent.on("stream", (stream) => stream.on("error", () => {}));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => silent.close());
  const url = await upstream(createServer(() => {}));
  const { rest, grpc, events } = await inline(
    { rest: url, grpc: `http://127.0.0.1:${portOf(silent)}` },
    { timeout: 1_000 },
  );
  expect((await post(rest, "{}")).status).toBe(504);
  const client = grpcClient(grpc);
  cleanups.push(client.close);
  await expect(client.inference("ModelInfer", { modelName: "m" })).rejects.toMatchObject({ code: 4 });
  expect(events.map(({ status }) => status)).toEqual([504, 504]);
});

test("an answer that is cut is cut for the client, too", async () => {
  const url = await upstream(
    createServer((request, response) => {
      request.resume();
      response.writeHead(200, { "content-length": 100 });
      response.write("half");
      setTimeout(() => response.destroy(), 20);
    }),
  );
  const { rest, events } = await inline({ rest: url });
  await expect(post(rest, "{}").then((answer) => answer.text())).rejects.toThrow();
  await until(() => events.length === 1);
  expect(events[0]?.describedRows).toBe(0);
});

test("a body whose length is named as of one connection is no second request", async () => {
  const seen: (string | undefined)[] = [];
  const url = await upstream(
    createServer((request, response) => {
      seen.push(request.url);
      request.resume().on("end", () => response.end("ok"));
    }),
  );
  const { rest } = await inline({ rest: url });
  const body = "GET /second HTTP/1.1\r\nhost: m\r\n\r\n";
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<void>((resolve, reject) => {
      const client = httpRequest(`${rest}${path}`, { method: "DELETE", headers }, (response) =>
        response.resume().on("end", resolve),
      );
      client.on("error", reject);
      client.end(headers["content-length"] === undefined ? undefined : body);
    });
  await ask("/first", { connection: "content-length", "content-length": String(body.length) });
  await ask("/third", {});
  expect(seen).toEqual(["/first", "/third"]);
});

test("what says which message it is passes, though it is named as of one connection", async () => {
  const seen = Promise.withResolvers<unknown>();
  const url = await upstream(
    createServer((request, response) => {
      seen.resolve(request.headers);
      request.resume().on("end", () => response.end());
    }),
  );
  const { rest } = await inline({ rest: url });
  const own = { host: "m.example", "content-type": "application/json", "content-encoding": "gzip" };
  const headers = { ...own, "x-hop": "1", connection: "host, content-type, content-encoding, x-hop" };
  await new Promise((resolve, reject) => {
    const client = httpRequest(`${rest}/v2/models/m/infer`, { method: "POST", headers }, (answer) =>
      answer.resume().on("end", resolve),
    );
    client.on("error", reject).end("{}");
  });
  expect(await seen.promise).toMatchObject(own);
  expect(await seen.promise).not.toHaveProperty("x-hop");
});

test("a head that cannot be passed on is 502, and the next request is served", async () => {
  const runtime = createNetServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 200 O\u0001K\r\ncontent-length: 0\r\n\r\n"));
  });
  await new Promise<void>((resolve) => runtime.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => runtime.close());
  const { rest, events } = await inline({ rest: `http://127.0.0.1:${portOf(runtime)}` });
  for (let round = 0; round < 2; round++) expect((await post(rest, "{}")).status).toBe(502);
  expect(events.map(({ status }) => status)).toEqual([502, 502]);
});

test("an idle connection to the runtime ends here before a usual runtime ends it", async () => {
  const ended = Promise.withResolvers<void>();
  const runtime = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    request.resume().on("end", () => response.end("ok"));
  });
  runtime.on("connection", (socket) => socket.once("end", ended.resolve));
  const { rest } = await inline({ rest: await upstream(runtime) });
  expect(await (await post(rest, "{}")).text()).toBe("ok");
  await ended.promise;
});

test("a call whose answer nobody takes is ended, though the runtime is done with it", async () => {
  const runtime = createHttp2Server();
  runtime.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(Buffer.alloc(1_000));
  });
  await new Promise<void>((resolve) => runtime.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => runtime.close());
  const { grpc } = await inline({ grpc: `http://127.0.0.1:${portOf(runtime)}` }, { timeout: 1_000 });
  const session = connectHttp2(`http://${grpc}`, { settings: { initialWindowSize: 10 } });
  cleanups.push(() => session.destroy());
  session.on("error", () => {});
  const stream = session.request({ ":method": "POST", ":path": "/a.Service/Method" });
  stream.on("error", () => {});
  stream.end();
  await new Promise((resolve) => stream.once("close", resolve));
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
});

test("answers that nobody takes end the connection, though the runtime is done with them", async () => {
  const asked = 2_000;
  let served = 0;
  const url = await upstream(
    createServer((request, response) => {
      served++;
      request.resume().on("end", () => response.end(Buffer.alloc(12_000, "x")));
    }),
  );
  const { rest } = await inline({ rest: url }, { timeout: 1_000 });
  const socket = connect(Number(new URL(rest).port), "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  socket.write("GET /a HTTP/1.1\r\nhost: m\r\n\r\n".repeat(asked));
  socket.write("GET /a HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n");
  await until(() => served > 0);
  let before = 0;
  while (served !== before) {
    before = served;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
  }
  let taken = 0;
  socket.on("data", ({ length }) => {
    taken += length;
  });
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  // What was on its way still comes, and nothing of what waited behind it.
  expect(taken).toBeLessThan(asked * 12_000);
});

test("a client that goes away ends the request at the runtime, over both protocols", async () => {
  let restEnded = false;
  let grpcEnded = false;
  const url = await upstream(
    createServer((request, response) => {
      request.resume();
      response.on("close", () => {
        restEnded = true;
      });
    }),
  );
  const silent = createHttp2Server();
  const began = Promise.withResolvers<void>();
  silent.on("stream", (stream) => {
    began.resolve();
    stream.on("error", () => {});
    stream.on("close", () => {
      grpcEnded = true;
    });
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => silent.close());
  const { rest, grpc, events } = await inline({ rest: url, grpc: `http://127.0.0.1:${portOf(silent)}` });
  const gone = new AbortController();
  const asked = fetch(`${rest}/v2/models/m/infer`, { method: "POST", body: "{}", signal: gone.signal }).catch(
    () => {},
  );
  const session = connectHttp2(`http://${grpc}`);
  cleanups.push(() => session.destroy());
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
  });
  stream.on("error", () => {});
  stream.write(frame(encodeMessage("inference.ModelInferRequest", { modelName: "m" })));
  await began.promise;
  await new Promise((resolve) => setTimeout(resolve, 50));
  gone.abort();
  session.destroy();
  await asked;
  await until(() => restEnded && grpcEnded);
  await until(() => events.length === 2);
  expect(events.map(({ status }) => status)).toEqual([499, 499]);
});
