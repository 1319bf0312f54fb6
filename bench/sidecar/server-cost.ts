/**
 * What token and tap cost a request in the model server, in microseconds of CPU time.
 */
import { createServer } from "node:net";
import { parseSettings } from "../../src/sidecar/settings.ts";
import { Observation } from "../../src/tap/observation.ts";
import { ObservedHeaders } from "../../src/tap/observed-headers.ts";
import { HmacKey } from "../../src/token/hmac-sha256.ts";
import { mintToken } from "../../src/token/prediction-token.ts";
import { userTag } from "../../src/token/tags.ts";
import { senderTo, settings, until } from "./sending.ts";

/** What one request of one row with four features pays in the model server: headers, observation, sending, token. */
export async function serverCost(
  socket: string,
  features: number,
): Promise<{ readonly tap: number; readonly both: number }> {
  const server = createServer((client) => client.resume()).listen(socket);
  const sender = senderTo(socket, features);
  await until(() => sender.takesEvents);
  const { observed } = parseSettings(settings(features));
  const key = new HmacKey(new Uint8Array(32).fill(7));
  const headers = new ObservedHeaders(observed, key, Math.random);
  const rawHeaders = [
    ...["host", "m", "content-type", "application/json", "content-length", "120", "accept", "*/*"],
    ...[
      "x-request-id",
      "00112233-4455-4677-8899-aabbccddeeff",
      "x-petrel-arm",
      "Stable",
      "x-petrel-epoch",
      "7",
    ],
    ...["x-forwarded-for", "10.0.0.1", "x-envoy-expected-rq-timeout-ms", "200", "x-user-id", "user-12345"],
  ];
  const inputs = [
    { name: "features", datatype: "FP32", shape: [1, 4], elements: Float32Array.of(1, 2, 3, 4) },
  ];
  const outputs = [{ name: "score", datatype: "FP32", shape: [1, 1], elements: Float32Array.of(0.5) }];
  const tap = () => {
    const observation = new Observation(observed, Math.random);
    observation.event.timeMilliseconds = Date.now();
    headers.readRaw(rawHeaders, observation);
    observation.takeInputs(inputs);
    observation.takeOutputs(outputs);
    sender.send(observation.event);
    return observation;
  };
  const scores = Uint16Array.of(25_600);
  const token = ({ event }: Observation) =>
    mintToken(
      {
        arm: event.arm,
        keyId: 1,
        requestId: event.requestId,
        seconds: 1_795_000_000,
        deployment: 1,
        revision: 2,
        armCheck: 0,
        pool: 0,
        model: 3,
        epoch: event.epoch,
        userTag: userTag("user-12345", key),
        slot: 5,
        rows: 1,
        scores,
      },
      key,
    );
  const cost = async (work: () => unknown) => {
    const costs: number[] = [];
    for (let round = 0; round < 10; round++) {
      const before = process.cpuUsage();
      for (let part = 0; part < 20; part++) {
        for (let index = 0; index < 500; index++) work();
        // The sending itself is a part of it.
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { user, system } = process.cpuUsage(before);
      costs.push((user + system) / 10_000);
    }
    return Math.min(...costs);
  };
  const tapOnly = await cost(tap);
  const both = await cost(() => token(tap()));
  if (sender.dropped > 0) console.log(`  ${sender.dropped} of these events found no room`);
  sender.stop();
  server.close();
  return { tap: tapOnly, both };
}
