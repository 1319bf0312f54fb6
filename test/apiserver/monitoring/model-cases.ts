/**
 * Trials of the alerts on quality, labels and drift.
 */
import { type AlertCase, RANKER, series } from "./alert-case.ts";

const requests = (arm = "Stable") => series("petrel_quality_requests_total", "collector", { ...RANKER, arm });
const clicks = (arm = "Stable") =>
  series("petrel_quality_sum_total", "collector", { ...RANKER, metric: "ctr", arm });
const taken = (arm = "Stable") =>
  series("petrel_quality_taken_total", "collector", { ...RANKER, metric: "ctr", arm });
const LOWER = series("petrel_quality_lower_is_better", "collector", { ...RANKER, metric: "ctr" });
const labels = series("petrel_label_delay_seconds_count", "collector", { ...RANKER, label: "click" });
const OF_STABLE = { ...RANKER, metric: "ctr", arm: "Stable" };
const values = (kind: string) =>
  series("petrel_model_values_total", "sidecar", {
    ...RANKER,
    model_revision: "ranker-1",
    arm: "Stable",
    column: "price",
    kind,
  });
const drift = series("petrel_model_drift_alarm", "sidecar", {
  ...RANKER,
  model_revision: "ranker-1",
  arm: "Stable",
  column: "score",
  test: "PSI",
});

const anomaly = (detector: string) =>
  series("petrel_anomaly_alarm", "collector", { ...RANKER, series: "requests", detector });

export const MODEL_CASES: readonly AlertCase[] = [
  {
    name: "two detectors find the same, one after the other: one alert, until both are quiet",
    file: "models",
    series: { [anomaly("Seasonal")]: "0x10 1x10 0x20", [anomaly("ChangePoint")]: "0x15 1x10 0x15" },
    alerts: [
      ["9m", "PetrelAnomaly"],
      ["12m", "PetrelAnomaly", { ...RANKER, series: "requests" }],
      ["24m", "PetrelAnomaly", { ...RANKER, series: "requests" }],
      ["30m", "PetrelAnomaly"],
    ],
  },
  {
    name: "clicks fell by a half within a week",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    // The first week 10%, then 5%.
    series: { [requests()]: "0+1000x240", [clicks()]: "0+100x192 19250+50x47" },
    alerts: [
      ["190h", "PetrelQualityDropped"],
      ["230h", "PetrelQualityDropped", OF_STABLE],
    ],
  },
  {
    name: "of what labels added to a metric, others took a half within a week",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    series: {
      [requests()]: "0+1000x240",
      [clicks()]: "0+100x240",
      [taken()]: "0+0x192 50+50x47",
    },
    alerts: [
      ["190h", "PetrelQualityDropped"],
      ["230h", "PetrelQualityDropped", OF_STABLE],
    ],
  },
  {
    name: "clicks fell by a tenth",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    series: { [requests()]: "0+1000x240", [clicks()]: "0+100x192 19290+90x47" },
    alerts: [["230h", "PetrelQualityDropped"]],
  },
  {
    name: "too few requests to say so",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    series: { [requests()]: "0+10x240", [clicks()]: "0+1x192 192x48" },
    alerts: [["230h", "PetrelQualityDropped"]],
  },
  {
    name: "the candidate is clicked half as often",
    file: "models",
    series: {
      [requests()]: "0+90x480",
      [requests("Candidate")]: "0+10x480",
      [clicks()]: "0+9x480",
      [clicks("Candidate")]: "0+0.5x480",
    },
    alerts: [
      ["20m", "PetrelCandidateQualityLow"],
      ["4h", "PetrelCandidateQualityLow", { ...RANKER, metric: "ctr" }],
    ],
  },
  {
    name: "of a metric of which less is better the candidate has half, and stable a half less than a week ago",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    series: {
      [requests()]: "0+1000x240",
      [requests("Candidate")]: "0+1000x240",
      [clicks()]: "0+100x192 19250+50x47",
      [clicks("Candidate")]: "0+50x192 9625+25x47",
      [LOWER]: "1x240",
    },
    alerts: [
      ["230h", "PetrelQualityDropped"],
      ["230h", "PetrelCandidateQualityLow"],
    ],
  },
  {
    name: "of a metric of which less is better the candidate has twice as much, and stable more than a week ago",
    file: "models",
    interval: "1h",
    evaluation: "1h",
    series: {
      [requests()]: "0+1000x240",
      [requests("Candidate")]: "0+1000x240",
      [clicks()]: "0+100x192 19350+150x47",
      [clicks("Candidate")]: "0+200x192 38700+300x47",
      [LOWER]: "1x240",
    },
    alerts: [
      ["190h", "PetrelQualityDropped"],
      ["230h", "PetrelQualityDropped", OF_STABLE],
      ["230h", "PetrelCandidateQualityLow", { ...RANKER, metric: "ctr" }],
    ],
  },
  {
    name: "the candidate is clicked as often",
    file: "models",
    series: {
      [requests()]: "0+90x480",
      [requests("Candidate")]: "0+10x480",
      [clicks()]: "0+9x480",
      [clicks("Candidate")]: "0+1x480",
    },
    alerts: [["8h", "PetrelCandidateQualityLow"]],
  },
  {
    name: "labels cease, and requests go on",
    file: "models",
    interval: "5m",
    evaluation: "5m",
    series: { [requests()]: "0+100x360", [labels]: "0+10x300 3000x60" },
    alerts: [
      ["25h", "PetrelLabelOutage"],
      ["27h", "PetrelLabelOutage", { ...RANKER, label: "click" }],
    ],
  },
  {
    name: "the collector starts anew while labels are away",
    file: "models",
    interval: "5m",
    evaluation: "5m",
    series: { [requests()]: "0+100x310 0+100x50", [labels]: "0+10x300 3000x10 _x50" },
    alerts: [["27h", "PetrelLabelOutage", { ...RANKER, label: "click" }]],
  },
  {
    name: "labels cease because requests do, at night",
    file: "models",
    interval: "5m",
    evaluation: "5m",
    series: { [requests()]: "0+100x300 30005+5x60", [labels]: "0+10x300 3000.5+0.5x60" },
    alerts: [["29h", "PetrelLabelOutage"]],
  },
  {
    name: "a router gives up a part of the access log",
    file: "models",
    series: {
      [series("petrel_router_impression_losses_total", "router", { namespace: "shop" })]: "0x10 1x60",
    },
    alerts: [
      ["9m", "PetrelEvidenceLost"],
      ["15m", "PetrelEvidenceLost", { namespace: "shop" }],
      ["60m", "PetrelEvidenceLost"],
    ],
  },
  {
    name: "the bucket of training logs is away, and comes back",
    file: "models",
    series: {
      [series("petrel_training_log_lag_seconds", "collector", { ...RANKER, kind: "labels" })]: "0+60x59 0x30",
      [series("petrel_training_log_lag_seconds", "sidecar", { ...RANKER, kind: "requests" })]: "300x89",
    },
    alerts: [
      ["30m", "PetrelTrainingLogBehind"],
      ["45m", "PetrelTrainingLogBehind", { ...RANKER, kind: "labels" }],
      ["70m", "PetrelTrainingLogBehind"],
    ],
  },
  {
    name: "the score drifts",
    file: "models",
    series: { [drift]: "0x10 1x20" },
    alerts: [
      ["5m", "PetrelDrift"],
      ["15m", "PetrelDrift", { ...RANKER, model_revision: "ranker-1", column: "score", test: "PSI" }],
    ],
  },
  {
    name: "a feature that is seldom missing is missing in every second request",
    file: "models",
    interval: "5m",
    evaluation: "5m",
    series: {
      [values("number")]: "0+990x288 285615+500x24",
      [values("missing")]: "0+10x288 3385+500x24",
      [values("infinite")]: "0x312",
    },
    alerts: [
      ["23h", "PetrelFeaturesMissing"],
      ["25h", "PetrelFeaturesMissing", { ...RANKER, column: "price" }],
    ],
  },
  {
    name: "a feature that always was missing in every second request",
    file: "models",
    interval: "5m",
    evaluation: "5m",
    series: {
      [values("number")]: "0+500x312",
      [values("missing")]: "0+500x312",
      [values("infinite")]: "0x312",
    },
    alerts: [["25h", "PetrelFeaturesMissing"]],
  },
];
