/**
 * What the measurements of the router have in common: the rate of their loads, and how their figures are read and told.
 */
import type { Client, Outcome } from "../../test/apiserver/router-envoy/open-loop.ts";

/** Requests a second of an open-loop load. */
export const PER_SECOND = 500;

/** Tells whether something holds, with its figures. */
export type Check = (what: string, holds: boolean, figures: string) => void;

/** The time that a share of the requests took at most, in milliseconds. */
export function quantile(outcomes: readonly Outcome[], share: number): number {
  const sorted = outcomes.map(({ milliseconds }) => milliseconds).toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Milliseconds as text. */
export const ms = (value: number) => `${value.toFixed(1)} ms`;

/** Uses a client, and closes it. */
export async function withClient<Result>(
  client: Client,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
