/**
 * What a program has that gives answers prediction tokens: options that name their issuer, the file of its key, and a
 * metric of what became of them. The model server and the sidecar have it alike.
 *
 * Nothing that is wrong with tokens may end the program: without a key it answers without tokens.
 */
import { randomFillSync } from "node:crypto";
import { type Command, InvalidArgumentError } from "commander";
import { Counter, type Registry } from "prom-client";
import { systemClock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { KeyRing } from "../token/key-ring.ts";
import { type TokenIssuer, TokenMint, type TokenOutcome } from "../token/token-mint.ts";
import { parseName } from "./name-option.ts";
import { readBoundedFile, watchFiles } from "./watched-files.ts";
import { wholeNumber } from "./whole-number.ts";

/** What the options say. */
export interface TokenOptions {
  /** Path of the file of keys; without it there are no tokens. */
  readonly tokenKeys?: string;
  readonly tokenDeployment: string;
  readonly tokenPool: number;
  readonly tokenModelDigest: string;
}

/** Adds the options to a command. */
export function addTokenOptions(command: Command): Command {
  return command
    .option(
      "--token-keys <path>",
      "file of the key with which prediction tokens are signed; without it there are none",
    )
    .option("--token-deployment <uid>", "uid of the ModelDeployment, for tokens", parseName, "")
    .option(
      "--token-pool <index>",
      "place of the pool in the chain of failover, for tokens",
      wholeNumber(0, 255),
      0,
    )
    .option("--token-model-digest <digest>", "digest of the model, for tokens", parseDigest, "");
}

/** Who mints, for a model revision; undefined where there are to be no tokens. */
export function tokenIssuerOf(options: TokenOptions, revision: string): TokenIssuer | undefined {
  if (options.tokenKeys === undefined) return undefined;
  return {
    deployment: options.tokenDeployment,
    revision,
    pool: options.tokenPool,
    modelDigest: options.tokenModelDigest,
  };
}

/** A mint, with a metric of this name that tells these outcomes of it. */
export function tokenMint(
  issuer: TokenIssuer,
  registry: Registry,
  name: string,
  outcomes: readonly TokenOutcome[],
): TokenMint {
  const mint = new TokenMint(issuer, randomFillSync);
  new Counter({
    name,
    help: "Answered inference requests by what became of their prediction token.",
    labelNames: ["outcome"],
    registers: [registry],
    collect() {
      this.reset();
      for (const outcome of outcomes) this.inc({ outcome }, mint.outcomes[outcome]);
    },
  });
  return mint;
}

/**
 * Takes the keys as they are now and whenever they change, until it is stopped. Where there are none yet, answers have
 * no token.
 */
export function watchTokenKeys(
  path: string | undefined,
  useKeys: (ring: KeyRing) => void,
  log: Logger,
): () => void {
  if (path === undefined) return () => {};
  const use = (text: string) => useKeys(KeyRing.parse(text));
  let initial = "";
  try {
    initial = readBoundedFile(path);
    use(initial);
  } catch (error) {
    log.warn("no prediction tokens until there is a key", { "file.path": path, error });
    initial = "";
  }
  return watchFiles([{ path, use }], [initial], systemClock, log, () => {});
}

function parseDigest(text: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(text)) {
    throw new InvalidArgumentError("Expected sha256: and 64 hexadecimal digits.");
  }
  return text;
}
