/** Stands in for the collector: takes reports of mirrored requests, and checks their signature. */
import { createServer } from "node:http";
import {
  isShadowSignature,
  readShadowBatch,
  SHADOW_SIGNATURE_HEADER,
  type ShadowReport,
} from "../../tap/shadow-report.ts";
import type { KeyRing } from "../../token/key-ring.ts";
import { nameTag } from "../../token/tags.ts";
import { listen } from "../bounded-http-server.ts";

/** What it got. */
export interface ShadowReceiver {
  readonly url: string;
  readonly reports: ShadowReport[];
  /** Revisions that told. */
  readonly revisions: Set<string>;
  /** Answers with this status from now on. */
  status: number;
  /** Most posts that were under way at one time. */
  readonly mostAtOnce: number;
  close(): void;
}

/** Starts one. */
export async function shadowReceiver(ring: KeyRing): Promise<ShadowReceiver> {
  let [underWay, mostAtOnce] = [0, 0];
  const server = createServer((request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    response.once("close", () => {
      underWay -= 1;
    });
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const { reports, deployment, revision, keyId } = readShadowBatch(body);
      const key = ring.verifyingKey({ deployment: nameTag(deployment), revision: nameTag(revision), keyId });
      const signature = String(request.headers[SHADOW_SIGNATURE_HEADER]);
      const isSigned = key !== undefined && isShadowSignature(signature, body, key);
      response.writeHead(isSigned ? receiver.status : 401).end("{}");
      if (!isSigned || receiver.status !== 200) return;
      receiver.reports.push(...reports);
      receiver.revisions.add(revision);
    });
  });
  const port = await listen(server, "127.0.0.1", 0);
  const receiver: ShadowReceiver = {
    url: `http://127.0.0.1:${port}/shadow`,
    reports: [],
    revisions: new Set(),
    status: 200,
    get mostAtOnce() {
      return mostAtOnce;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
