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
import { type LoadSample, usualServiceSeconds } from "../../core/autoscaling/load-sample.ts";
import { KEPT_SAMPLES } from "../../core/autoscaling/observed-load.ts";
import { type AutoscalingSettings, recommend } from "../../core/autoscaling/recommend.ts";
import { LOAD_SLOT_SECONDS } from "../../stats/load-slots.ts";
import type { Scaler, ScalerView } from "./replay.ts";

const MINUTE_SECONDS = 60;

/** All that the planner is given, beside what the replay shows it. */
export interface PetrelScalerSettings {
  readonly autoscaling: AutoscalingSettings;
  /** A whole minute. */
  readonly startMilliseconds: number;
  /** As it was measured. */
  readonly coldStartMilliseconds: number;
  /** Whether a forecast may be used, where it shows skill. */
  readonly forecast: boolean;
  /** Called with the forecast of every decision. */
  readonly onDecision?: (forecast: ForecastMemory) => void;
}

/** The planner, as a scaler that remembers what the API would hold. */
export function petrelScaler(settings: PetrelScalerSettings): Scaler {
  const { autoscaling, startMilliseconds, coldStartMilliseconds } = settings;
  let [history, forecast] = [emptyHistory(), NO_FORECAST];
  let samples: readonly LoadSample[] = [];
  let serviceSeconds: number | undefined;
  let asked: number | undefined;
  let askedSinceMilliseconds = startMilliseconds;
  return {
    everySeconds: LOAD_SLOT_SECONDS,
    replicas(view) {
      const nowMilliseconds = startMilliseconds + 1_000 * view.second;
      if (!view.isBlind) {
        samples = [...samples.slice(1 - KEPT_SAMPLES), sampleOf(view, nowMilliseconds)];
        // The minute that ends now belongs to the slot that it ended in.
        history = withRate(history, slotAt(nowMilliseconds - 1), view.arrivalRate(MINUTE_SECONDS));
      }
      if (settings.forecast)
        forecast = nextForecast(forecast, history, nowMilliseconds, coldStartMilliseconds);
      serviceSeconds = usualServiceSeconds(samples, serviceSeconds);
      const before = asked ?? view.ready + view.coming;
      const { replicas } = recommend(autoscaling, {
        ...{ nowMilliseconds, samples, ready: view.ready, coming: view.coming, coldStartMilliseconds },
        ...{ serviceSeconds, asked: before, askedSinceMilliseconds },
        expectedRate: expectedRate(forecast, nowMilliseconds, coldStartMilliseconds),
      });
      if (replicas !== before) askedSinceMilliseconds = nowMilliseconds;
      asked = replicas;
      settings.onDecision?.(forecast);
      return replicas;
    },
  };
}

function sampleOf(view: ScalerView, atMilliseconds: number): LoadSample {
  const seconds = LOAD_SLOT_SECONDS;
  return {
    ...{ atMilliseconds, seconds },
    arrived: view.arrivalRate(seconds) * seconds,
    answered: view.answerRate(seconds) * seconds,
    busySeconds: view.underWay(seconds) * seconds,
  };
}
