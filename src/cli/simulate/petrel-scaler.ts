/**
 * Petrel's own planner as the scaler of a replay: the code that decides in a cluster, over the clock of the replay. Pure.
 */
import {
  expectedRate,
  type ForecastMemory,
  NO_FORECAST,
  nextForecast,
} from "../../core/autoscaling/forecast/forecast-memory.ts";
import { emptyHistory, slotAt, withRate } from "../../core/autoscaling/forecast/load-history.ts";
import type { LoadSample } from "../../core/autoscaling/load-sample.ts";
import {
  type AutoscalingMemory,
  type AutoscalingSettings,
  type Recommendation,
  recommend,
} from "../../core/autoscaling/recommend.ts";
import type { Scaler, ScalerView } from "./replay.ts";

/** How often routers push, and the planner decides. */
const EVERY_SECONDS = 15;
const MINUTE_SECONDS = 60;

/** All that the planner is given, beside what the replay shows it. */
export interface PetrelScalerSettings {
  readonly autoscaling: AutoscalingSettings;
  readonly startMilliseconds: number;
  /** As it was measured. */
  readonly coldStartMilliseconds: number;
  /** Whether a forecast may be used, where it shows skill. */
  readonly forecast: boolean;
  /** Called with every decision. */
  readonly onDecision?: (recommendation: Recommendation, forecast: ForecastMemory) => void;
}

/** The planner, as a scaler that remembers what the API would hold. */
export function petrelScaler(settings: PetrelScalerSettings): Scaler {
  const { startMilliseconds, coldStartMilliseconds } = settings;
  let [history, forecast] = [emptyHistory(), NO_FORECAST];
  let memory: AutoscalingMemory = { recommended: [] };
  let samples: readonly LoadSample[] = [];
  let asked: number | undefined;
  return {
    everySeconds: EVERY_SECONDS,
    replicas(view) {
      const nowMilliseconds = startMilliseconds + 1_000 * view.second;
      if (!view.isBlind) {
        samples = [...samples.slice(-MINUTE_SECONDS / EVERY_SECONDS + 1), sampleOf(view, nowMilliseconds)];
        // The minute that ends now belongs to the slot that it ended in.
        history = withRate(history, slotAt(nowMilliseconds - 1), view.arrivalRate(MINUTE_SECONDS));
      }
      if (settings.forecast)
        forecast = nextForecast(forecast, history, nowMilliseconds, coldStartMilliseconds);
      const decision = recommend(
        settings.autoscaling,
        {
          ...{ nowMilliseconds, samples, ready: view.ready, coming: view.coming, coldStartMilliseconds },
          asked: asked ?? view.ready + view.coming,
          expectedRate: expectedRate(forecast, nowMilliseconds, coldStartMilliseconds),
        },
        memory,
      );
      [memory, asked] = [decision.memory, decision.replicas];
      settings.onDecision?.(decision, forecast);
      return decision.replicas;
    },
  };
}

function sampleOf(view: ScalerView, atMilliseconds: number): LoadSample {
  const seconds = EVERY_SECONDS;
  return {
    ...{ atMilliseconds, seconds, waiting: view.waiting },
    arrived: view.arrivalRate(seconds) * seconds,
    answered: view.answerRate(seconds) * seconds,
    busySeconds: view.busy(seconds) * seconds,
  };
}
