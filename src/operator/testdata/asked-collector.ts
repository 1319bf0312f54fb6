/**
 * A collector that says what a test has it say, and the Secret that opens it. On loopback.
 */
import { createServer, type IncomingMessage } from "node:http";
import { beforeEach } from "@jest/globals";
import { onLoopback } from "../../process/testdata/on-loopback.ts";
import { collectorLabels } from "../../render/collector.ts";

/** How it answers, and what it was asked. */
export class AskedCollector {
  readonly #whole: string;
  said: string;
  status = 200;
  hangs = false;
  seen: IncomingMessage[] = [];
  /** Of the Secret. */
  labels: Readonly<Record<string, string>> = collectorLabels;
  #origin = "";

  /** For the tests of one file, each of which begins with an answer that is whole. */
  constructor(whole: string) {
    this.#whole = whole;
    this.said = whole;
    const server = createServer((request, response) => {
      this.seen.push(request);
      if (this.hangs) return;
      response.statusCode = this.status;
      response.end(this.said);
    });
    onLoopback(server, (given) => {
      this.#origin = given;
    });
    beforeEach(() => {
      this.said = this.#whole;
      [this.status, this.hangs, this.seen, this.labels] = [200, false, [], collectorLabels];
    });
  }

  /** What reaches it, with so much time for an answer. */
  options(answerMilliseconds = 10_000) {
    const metadata = () => ({ name: "s", labels: this.labels });
    const data = { "access-tokens": Buffer.from("opens-it\nformer\n").toString("base64") };
    const get = async () => ({ apiVersion: "v1", kind: "Secret", metadata: metadata(), data });
    return { port: { get }, addressOf: () => this.#origin, answerMilliseconds };
  }

  /** Path and authorization of what it was asked. */
  get asked(): readonly (readonly (string | undefined)[])[] {
    return this.seen.map(({ url, headers }) => [url, headers.authorization]);
  }
}
