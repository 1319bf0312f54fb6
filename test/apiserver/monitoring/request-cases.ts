/**
 * Trials of the alerts on what clients get.
 */
import { type AlertCase, RANKER, series } from "./alert-case.ts";

const listener = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  series(`envoy_http_downstream_${name}`, "router", {
    ...RANKER,
    envoy_http_conn_manager_prefix: "ranker",
    ...labels,
  });
const cluster = (name: string, labels: Readonly<Record<string, string>>) =>
  series(`envoy_cluster_${name}`, "router", {
    ...RANKER,
    envoy_cluster_name: "ranker_stable_abc_rest",
    arm: "Stable",
    ...labels,
  });
const completed = listener("rq_completed");
const failed = listener("rq_xx", { envoy_response_code_class: "5" });
const [FAST, SLOW] = ["PetrelAvailabilityBurnsFast", "PetrelAvailabilityBurnsSlowly"];
const [LATENCY_FAST, LATENCY_SLOW] = ["PetrelLatencyBurnsFast", "PetrelLatencyBurnsSlowly"];

/** Of 10,000 answers a minute so many are slow. */
const slow = (count: number) => ({
  [listener("rq_time_bucket", { le: "250" })]: `0+${10_000 - count}x720`,
  [listener("rq_time_count")]: "0+10000x720",
});

export const REQUEST_CASES: readonly AlertCase[] = [
  {
    name: "2% fail, of which 0.1% may: somebody is woken within minutes",
    file: "requests",
    series: { [completed]: "0+10000x60", [failed]: "0+200x60" },
    alerts: [
      ["1m", FAST],
      ["5m", FAST, RANKER],
    ],
  },
  {
    name: "0.5% fail: a ticket, and nobody is woken",
    file: "requests",
    evaluation: "5m",
    series: { [completed]: "0+10000x720", [failed]: "0+50x720" },
    alerts: [
      ["12h", FAST],
      ["12h", SLOW, RANKER],
    ],
  },
  {
    name: "0.05% fail, which is within the objective",
    file: "requests",
    evaluation: "5m",
    series: { [completed]: "0+10000x720", [failed]: "0+5x720" },
    alerts: [
      ["12h", FAST],
      ["12h", SLOW],
    ],
  },
  {
    name: "what is over is not told any more",
    file: "requests",
    series: { [completed]: "0+10000x90", [failed]: "0+400x20 8000x70" },
    alerts: [
      ["20m", FAST, RANKER],
      ["55m", FAST],
    ],
  },
  {
    name: "calls of gRPC that fail are answers with 200, and count by their own status",
    file: "requests",
    series: {
      [completed]: "0+10000x60",
      [failed]: "0x60",
      [cluster("grpc_status", { grpc_status: "14" })]: "0+200x60",
      [cluster("grpc_status", { grpc_status: "3" })]: "0+5000x60",
    },
    alerts: [["10m", FAST, RANKER]],
  },
  {
    name: "a call of gRPC that the client got wrong is nobody's failure here",
    file: "requests",
    series: {
      [completed]: "0+10000x60",
      [failed]: "0x60",
      [cluster("grpc_status", { grpc_status: "3" })]: "0+5000x60",
    },
    alerts: [["30m", FAST]],
  },
  {
    name: "20% are slow, of which 1% may be",
    file: "requests",
    series: slow(2_000),
    alerts: [["10m", LATENCY_FAST, RANKER]],
  },
  {
    name: "4% are slow: a ticket",
    file: "requests",
    evaluation: "5m",
    series: slow(400),
    alerts: [
      ["12h", LATENCY_FAST],
      ["12h", LATENCY_SLOW, RANKER],
    ],
  },
  {
    name: "0.5% are slow, which is within the objective",
    file: "requests",
    evaluation: "5m",
    series: slow(50),
    alerts: [["12h", LATENCY_SLOW]],
  },
  {
    name: "5% are refused for overload",
    file: "requests",
    series: {
      [cluster("upstream_rq", { envoy_response_code: "200" })]: "0+950x60",
      [cluster("upstream_rq", { envoy_response_code: "429" })]: "0+50x60",
    },
    alerts: [
      ["5m", "PetrelOverloaded"],
      ["20m", "PetrelOverloaded", RANKER],
    ],
  },
  {
    name: "0.5% are refused",
    file: "requests",
    series: {
      [cluster("upstream_rq", { envoy_response_code: "200" })]: "0+995x60",
      [cluster("upstream_rq", { envoy_response_code: "429" })]: "0+5x60",
    },
    alerts: [["30m", "PetrelOverloaded"]],
  },
  {
    name: "after two weeks alike, a third of the requests is unusual",
    file: "requests",
    interval: "10m",
    evaluation: "1h",
    // 14 days and 4 hours, then a third.
    series: { [completed]: "0+6000x2040 12242000+2000x24" },
    alerts: [
      ["340h", "PetrelTrafficUnusual"],
      ["342h", "PetrelTrafficUnusual", RANKER],
    ],
  },
  {
    name: "as few requests a week ago at this time: not unusual",
    file: "requests",
    interval: "10m",
    evaluation: "1h",
    // Two quiet hours, at the same time in two weeks.
    series: { [completed]: "0+6000x1032 6194000+2000x12 6222000+6000x994 12188000+2000x24" },
    alerts: [["342h", "PetrelTrafficUnusual"]],
  },
];
