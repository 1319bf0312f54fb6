/**
 * A shop that writes to the customer who is the likeliest to buy again. For each visit it asks a model for the scores of
 * some real customers, writes to the one with the highest, and sends a label when that customer did buy again: what a model
 * is worth shows in what its own choices bring.
 *
 * Closed loop and bounded: a few requests under way at once, and a breath between two, until what it was started for has
 * happened.
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { readTokenHead, tokenBytes } from "../src/token/prediction-token.ts";
import { type ExampleRow, exampleRows } from "./example-models.ts";
import type { Scenario } from "./scenario.ts";

/** The label of a customer who bought again. */
export const ORDER_LABEL = "order";
/** The header that names who visits. */
export const VISITOR_HEADER = "x-user-id";

/** In which a router has the plan, and a pod its key. */
const COUNTED_SECONDS = 200;
const CLIENTS = 4;
/** Between two visits of a client: several campaigns have to find room on two cores. */
const BREATH_MILLISECONDS = 60;
const CUSTOMERS_OF_VISIT = 10;
const PREDICTION_TIMEOUT_MILLISECONDS = 10_000;
/** Longer: it may wait for a collector that begins anew. */
const FEEDBACK_TIMEOUT_MILLISECONDS = 20_000;

/** What one arm brought. */
export interface ArmResult {
  /** Each visit is a user of its own. */
  readonly users: number;
  readonly orders: number;
}

/** The visits of a time. */
export interface CampaignResult<Happened> {
  readonly happened: Happened;
  readonly stable: ArmResult;
  readonly candidate: ArmResult;
  /** The same by number of the arm, with those of an experiment. */
  readonly arms: ReadonlyMap<number, ArmResult>;
}

function noVisits() {
  return { users: 0, orders: 0 };
}

/** Visits of a shop that asks one model. */
export class Campaign {
  readonly #url: string;
  readonly #model: string;
  readonly #customers = exampleRows();
  #visits = 0;
  /** Tokens of orders that are not told yet; undefined while each is told at once. */
  #untold: string[] | undefined;

  /** @param url of the model's Service, or what leads to it. */
  constructor(url: string, model: string) {
    this.#url = url;
    this.#model = model;
  }

  /**
   * Begins one, and waits until the answers of the model are counted.
   *
   * @param url of the model's Service, or what leads to it.
   */
  static async counted(scenario: Pick<Scenario, "until">, url: string, model: string): Promise<Campaign> {
    const campaign = new Campaign(url, model);
    await scenario.until(
      "answers have a token",
      () => campaign.isCounted(),
      (isCounted) => isCounted,
      COUNTED_SECONDS,
    );
    return campaign;
  }

  /** One visit of which nothing becomes. Gives whether the answer can be found again by a label. */
  async isCounted(): Promise<boolean> {
    return (await this.#choose("nobody")).token !== undefined;
  }

  /** Orders are told later, as those that come days after the visit, or never: what is held when visits end is let go. */
  holdOrders(): void {
    this.#untold ??= [];
  }

  /** Tells what was held back, and each order at once from now on. */
  async tellOrders(): Promise<void> {
    const tokens = this.#untold ?? [];
    this.#untold = undefined;
    for (const token of tokens) await this.#ordered(token);
  }

  /**
   * Visits go on until `happening` has ended. Throws what it throws, and at an answer that is not as it should be: then the
   * signal that `happening` has got is aborted.
   */
  async during<Happened>(
    happening: (signal: AbortSignal) => Promise<Happened>,
  ): Promise<CampaignResult<Happened>> {
    const [stable, candidate] = [noVisits(), noVisits()];
    const arms = new Map([
      [0, stable],
      [1, candidate],
    ]);
    const over = new AbortController();
    const client = async () => {
      while (!over.signal.aborted) {
        await sleep(BREATH_MILLISECONDS);
        const { token, customer } = await this.#choose(`visit-${this.#visits++}`);
        const bytes = token === undefined ? undefined : tokenBytes(token);
        if (token === undefined || bytes === undefined) continue;
        const number = readTokenHead(bytes).arm;
        const arm = arms.get(number) ?? noVisits();
        arms.set(number, arm);
        arm.users++;
        if (customer.buysAgain === 0) continue;
        arm.orders++;
        if (this.#untold === undefined) await this.#ordered(token);
        else this.#untold.push(token);
      }
    };
    const clients = Array.from({ length: CLIENTS }, client);
    const happens = happening(over.signal).finally(() => over.abort());
    try {
      const [happened] = await Promise.all([happens, ...clients]);
      return { happened, stable, candidate, arms };
    } finally {
      over.abort();
      await Promise.allSettled([happens, ...clients]);
      this.#untold = undefined;
    }
  }

  async #choose(
    visitor: string,
  ): Promise<{ readonly customer: ExampleRow; readonly token: string | undefined }> {
    const customers = Array.from({ length: CUSTOMERS_OF_VISIT }, () => this.#anyCustomer());
    const shape = [customers.length, customers[0]?.features.length ?? 0];
    const data = customers.flatMap(({ features }) => features);
    const response = await fetch(`${this.#url}/v2/models/${this.#model}/infer`, {
      method: "POST",
      headers: { [VISITOR_HEADER]: visitor },
      body: JSON.stringify({ inputs: [{ name: "features", datatype: "FP32", shape, data }] }),
      signal: AbortSignal.timeout(PREDICTION_TIMEOUT_MILLISECONDS),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`expected scores, got status ${response.status}: ${text}`);
    const scores: readonly number[] = JSON.parse(text).outputs[0].data;
    const customer = customers[scores.indexOf(Math.max(...scores))];
    if (customer === undefined) throw new Error(`expected ${customers.length} scores, got ${text}`);
    return { customer, token: response.headers.get("x-petrel-token") ?? undefined };
  }

  async #ordered(token: string): Promise<void> {
    const response = await fetch(`${this.#url}/feedback`, {
      method: "POST",
      body: JSON.stringify({ token, events: [{ label: ORDER_LABEL, row: 0 }] }),
      signal: AbortSignal.timeout(FEEDBACK_TIMEOUT_MILLISECONDS),
    });
    const text = await response.text();
    if (response.status !== 200)
      throw new Error(`expected the label to be taken, got status ${response.status}: ${text}`);
  }

  #anyCustomer(): ExampleRow {
    const customer = this.#customers[randomInt(this.#customers.length)];
    if (customer === undefined) throw new Error("expected example rows");
    return customer;
  }
}
