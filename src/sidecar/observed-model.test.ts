/** What the sidecar makes of events: sums by revision and arm, in a fixed room. */
import { connect } from "node:net";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { NO_ARM } from "../tap/tap-event.ts";
import { ColumnSums } from "./column-sums.ts";
import { MAXIMUM_OBSERVED_ARMS } from "./observed-model.ts";
import { eventOf, GREETING, NOW_MILLISECONDS, settingsOf, withSidecar } from "./testdata/observing.ts";
import { UserHours } from "./user-hours.ts";

const STABLE = { model_revision: "m-1", arm: "Stable" };

test("requests, rows, latencies, ages and values are counted by revision and arm", () =>
  withSidecar(settingsOf(), async ({ sidecar, shown }) => {
    sidecar.take(GREETING, eventOf([0.25, 10], { rows: 5, featureAgeSeconds: 7 }));
    sidecar.take(GREETING, eventOf([0.5, -1], { latencyMilliseconds: 300 }));
    sidecar.take(GREETING, eventOf([Number.NaN, Number.POSITIVE_INFINITY]));
    sidecar.take(GREETING, eventOf([], { status: 503, describedRows: 0, rows: 0 }));
    sidecar.take(GREETING, eventOf([0.75, 200], { arm: 1 }));
    expect(await shown("petrel_model_requests_total", { ...STABLE, code: "2xx" })).toBe(3);
    expect(await shown("petrel_model_requests_total", { ...STABLE, code: "5xx" })).toBe(1);
    expect(await shown("petrel_model_requests_total", { arm: "Candidate", code: "2xx" })).toBe(1);
    expect(await shown("petrel_model_rows_total", STABLE)).toBe(7);
    expect(await shown("petrel_model_request_duration_seconds_count", STABLE)).toBe(4);
    expect(await shown("petrel_model_request_duration_seconds_bucket", { ...STABLE, le: 0.0025 })).toBe(3);
    expect(await shown("petrel_model_feature_age_seconds_sum", STABLE)).toBe(7);
    expect(await shown("petrel_model_last_request_timestamp_seconds", STABLE)).toBe(NOW_MILLISECONDS / 1_000);
    const price = { ...STABLE, column: "price" };
    for (const [kind, count] of Object.entries({ number: 2, missing: 0, infinite: 1, below: 1, above: 0 })) {
      expect(await shown("petrel_model_values_total", { ...price, kind })).toBe(count);
    }
    const score = { ...STABLE, column: "score" };
    expect(await shown("petrel_model_values_total", { ...score, kind: "missing" })).toBe(1);
    expect(await shown("petrel_model_value_sum", score)).toBe(0.75);
    expect(await shown("petrel_model_value_squares_total", score)).toBe(0.3125);
    expect(await shown("petrel_model_value_bucket", { ...score, le: 0.3 })).toBe(1);
    expect(await shown("petrel_model_value_bucket", { ...score, le: "+Inf" })).toBe(2);
    expect(await shown("petrel_model_missing_ratio", score)).toBe(1 / 3);
    expect(await shown("petrel_model_out_of_range_ratio", price)).toBe(0.5);
  }));

test("of a request the drawn row alone is counted", () =>
  withSidecar(settingsOf(), async ({ sidecar, shown }) => {
    const values = Float64Array.of(0.1, 1, 0.2, 2, 0.4, 4);
    sidecar.take(GREETING, eventOf([0, 0], { values, describedRows: 3, drawnRow: 2, rows: 90 }));
    expect(await shown("petrel_model_value_sum", { column: "score" })).toBe(0.4);
    expect(await shown("petrel_model_value_sum", { column: "price" })).toBe(4);
    expect(await shown("petrel_model_rows_total", STABLE)).toBe(90);
  }));

test("columns are those of the settings, wherever the sender has them", () =>
  withSidecar(settingsOf(), async ({ sidecar, shown }) => {
    sidecar.take({ ...GREETING, columns: ["other", "price", "more"] }, eventOf([9, 3, 9]));
    expect(await shown("petrel_model_value_sum", { column: "price" })).toBe(3);
    expect(await shown("petrel_model_value_count", { column: "score" })).toBe(0);
  }));

test("revisions and arms beyond the last place are counted and not kept", () =>
  withSidecar(settingsOf(), async ({ sidecar, shown }) => {
    for (let revision = 0; revision < 40; revision++) {
      const source = { ...GREETING, revision: `m-${revision}` };
      for (const arm of [0, NO_ARM]) sidecar.take(source, eventOf([0.5, 1], { arm }));
    }
    expect(sidecar.model.arms).toHaveLength(MAXIMUM_OBSERVED_ARMS);
    expect(await shown("petrel_sidecar_events_total")).toBe(80);
    expect(await shown("petrel_sidecar_events_unkept_total")).toBe(80 - MAXIMUM_OBSERVED_ARMS);
  }));

test("sums of two replicas are the sums of all their values", () => {
  const [column] = settingsOf().observed.columns;
  if (column === undefined) throw new Error("expected a column");
  const values = fc.array(fc.double(), { maxLength: 50 });
  fc.assert(
    fc.property(values, values, (first, second) => {
      const [one, two, both] = [0, 1, 2].map(() => new ColumnSums(column));
      for (const value of first) one?.add(value);
      for (const value of second) two?.add(value);
      for (const value of [...first, ...second]) both?.add(value);
      for (const field of ["number", "missing", "infinite", "below", "above"] as const) {
        expect((one?.[field] ?? 0) + (two?.[field] ?? 0)).toBe(both?.[field]);
      }
      expect([...(both?.buckets ?? [])]).toEqual(
        Array.from(one?.buckets ?? [], (count, index) => count + (two?.buckets[index] ?? 0)),
      );
      expect(both?.buckets.reduce((sum, count) => sum + count, 0)).toBe(both?.number);
    }),
  );
});

test("a user is the first of each hour once", () => {
  const users = new UserHours();
  const tag = (number: number) => Uint8Array.of(number & 255, number >> 8, 1, 0, 0, 0);
  let firsts = 0;
  for (let user = 0; user < 1_000; user++) if (users.isFirst(tag(user), 0)) firsts++;
  expect(firsts).toBe(1_000);
  expect(users.isFirst(tag(5), 3_599_999)).toBe(false);
  expect(users.isFirst(tag(5), 3_600_000)).toBe(true);
});

test("other settings begin anew, and connections come back", () =>
  withSidecar(settingsOf(), async ({ sidecar, shown, socket }) => {
    sidecar.take(GREETING, eventOf([0.5, 1]));
    const client = connect(socket);
    const ended = new Promise((resolve) => client.once("close", resolve));
    await new Promise((resolve) => client.once("connect", resolve));
    while ((await shown("petrel_sidecar_tap_connections")) !== 1) await new Promise(setImmediate);
    await sidecar.configure(settingsOf({ observe: { scores: { output: "other" } } }));
    await ended;
    expect(await shown("petrel_sidecar_events_total")).toBe(0);
    sidecar.take(GREETING, eventOf([0.5, 1]));
    expect(await shown("petrel_model_value_sum", { column: "score" })).toBe(0.5);
    expect(await shown("petrel_model_value_sum", { column: "price" })).toBeUndefined();
  }));
