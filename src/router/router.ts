/**
 * One router: brings what the API wants into its Envoy, and reports what Envoy has taken.
 *
 * It keeps nothing that is not in the API, in Envoy or in its files. Without the API server or the operator Envoy
 * goes on with the files that are there; before the API has been seen whole, none of them is changed, but to end a fault
 * whose time is over.
 */
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { Random } from "../kube/backoff.ts";
import { Cache } from "../kube/cache.ts";
import type { KubePort } from "../kube/port.ts";
import { aborted } from "../process/aborted.ts";
import type { JsonObject } from "../render/envoy/resource.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import { desiredConfiguration } from "./desired-configuration.ts";
import { type RouterState, renderSlice } from "./endpoint-slices.ts";
import type { EnvoyAdministration } from "./envoy-administration.ts";
import { type ConfigurationStore, EnvoyControl } from "./envoy-control.ts";
import { ExpiringFaults } from "./expiring-faults.ts";
import type { FirstTryCounter } from "./first-try-counter.ts";
import type { LoadCounter } from "./load-counter.ts";
import { type ObservedPod, readPod } from "./observed-pod.ts";
import type { PeerProbe } from "./peer-probe.ts";
import { PeerWatch } from "./peer-watch.ts";
import { type ObservedTraffic, readTraffic } from "./planned-traffic.ts";
import { type CredentialStore, ResolvedPlans } from "./resolved-plans.ts";
import type { RouterIdentity } from "./router-identity.ts";
import type { Acknowledgement, DesiredConfiguration } from "./sequence.ts";
import { SliceWriter } from "./slice-writer.ts";
import { WakeUp } from "./wake-up.ts";

/** What a router needs. */
export interface RouterOptions {
  readonly identity: RouterIdentity;
  readonly port: KubePort;
  readonly envoy: EnvoyAdministration;
  /** Asks another router for a sign of life. */
  readonly probePeer: PeerProbe;
  readonly store: ConfigurationStore;
  readonly bootstrap: JsonObject;
  readonly settings: RenderSettings;
  readonly credentials: CredentialStore;
  /** How long Envoy goes on at most after the router has said that it leaves. */
  readonly drainMilliseconds: number;
  /** Counts first tries; nobody unless given. */
  readonly firstTries?: Pick<FirstTryCounter, "note">;
  /** Counts the load of what scales; nobody unless given. */
  readonly load?: Pick<LoadCounter, "note">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What a router tells of itself. */
export interface RouterStatus {
  /** Envoy has all that it needs to start. */
  readonly isStarted: boolean;
  /** Envoy is up and was seen to have taken, or refused, every plan that there was. */
  readonly isReady: boolean;
  readonly state: RouterState;
  readonly desired: DesiredConfiguration;
  readonly acknowledgements: ReadonlyMap<string, Acknowledgement>;
  /** Pods of the other routers that do not answer any more. */
  readonly lostPeers: readonly string[];
}

/** After a failure of our own, such as a full disk. */
const FAILURE_INTERVAL_MILLISECONDS = 1_000;
/** Between two looks at the clocks for the end of a fault, while nothing is known of the API yet. */
const CLOCK_INTERVAL_MILLISECONDS = 1_000;
/** Time for the API server to hear that this router leaves. */
const FAREWELL_MILLISECONDS = 5_000;
/** Between two looks at whether it has heard. */
const FAREWELL_INTERVAL_MILLISECONDS = 50;

/** When the router began to leave, and how far it has come. */
interface Departure {
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly envoyIsTold: boolean;
}

/** Runs one router. */
export class Router {
  readonly #options: RouterOptions;
  readonly #deployments: Cache<ObservedTraffic>;
  readonly #pods: Cache<ObservedPod>;
  readonly #slices: SliceWriter;
  readonly #peers: PeerWatch;
  readonly #control: EnvoyControl;
  readonly #plans: ResolvedPlans;
  readonly #faults: ExpiringFaults;
  readonly #wakeUp: WakeUp;
  #hasChanged = true;
  #isStarted = false;
  #podsAreKnown = false;
  #wasAcknowledged = false;
  /** As the API has it. */
  #wanted: DesiredConfiguration = new Map();
  /** Without the faults whose time is over. */
  #desired: DesiredConfiguration = new Map();
  #acknowledgements: ReadonlyMap<string, Acknowledgement> = new Map();
  #departure: Departure | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { identity, port, settings, clock, random, log } = options;
    const { namespace } = identity;
    const access = { port, clock, random, log };
    this.#deployments = new Cache({
      ...access,
      resource: RESOURCE.modelDeployment,
      scope: { namespace },
      project: (object) => readTraffic(object, settings),
    });
    const components = `${LABEL.component} in (${COMPONENT.modelServer},${COMPONENT.router})`;
    this.#pods = new Cache({
      ...access,
      resource: RESOURCE.pod,
      scope: { namespace, labelSelector: components },
      project: readPod,
    });
    this.#slices = new SliceWriter({ ...access, identity });
    this.#peers = new PeerWatch({
      ...access,
      identity,
      slices: this.#slices.slices,
      probe: options.probePeer,
    });
    this.#control = new EnvoyControl(options);
    this.#plans = new ResolvedPlans(options.credentials, settings);
    this.#faults = new ExpiringFaults(clock, settings);
    this.#wakeUp = new WakeUp(clock);
    this.#deployments.subscribe(({ before, after }) => {
      if (after?.invalid !== undefined && after.invalid !== before?.invalid) {
        log.warn("ignored a traffic plan", { "petrel.model_deployment": after.name, error: after.invalid });
      }
      this.#change();
    });
    this.#pods.subscribe(() => this.#change());
  }

  /** How it stands. */
  get status(): RouterStatus {
    const state = this.#state;
    return {
      isStarted: this.#isStarted,
      isReady: this.#wasAcknowledged && state === "Serving",
      state,
      desired: this.#desired,
      acknowledgements: this.#acknowledgements,
      lostPeers: this.#peers.lost,
    };
  }

  /** Whether a pod of the namespace's routers is gone for good. Nobody is, as long as that is not known. */
  podIsGone(podUid: string): boolean {
    const pod = this.#pods.list().find(({ uid }) => uid === podUid);
    return this.#podsAreKnown && (pod === undefined || pod.hasEnded === true);
  }

  /**
   * Runs until `stop` is aborted and the router has left in good order. Rejects when the configuration directory
   * cannot be prepared.
   */
  async run(stop: AbortSignal): Promise<void> {
    const running = new AbortController();
    const { signal } = running;
    this.#isStarted = await this.#control.restore(this.#options.bootstrap);
    stop.addEventListener("abort", () => this.#wakeUp.notify(), { once: true });
    const watches = [this.#deployments.run(signal), this.#pods.run(signal), this.#slices.run(signal)];
    const synced = Promise.all([this.#deployments.synced, this.#pods.synced, this.#slices.synced]);
    if (await this.#endFaultsUntil(Promise.race([synced, aborted(stop)]))) {
      this.#podsAreKnown = true;
      watches.push(this.#peers.run(stop));
      while (!stop.aborted) {
        const delayMilliseconds = await this.#turn();
        if (!stop.aborted) await this.#wakeUp.wait(delayMilliseconds);
      }
      await this.#leave();
    }
    running.abort();
    await Promise.all(watches);
  }

  /** Ends the faults that an earlier run left when their time is over, and changes nothing else. */
  async #endFaultsUntil<News>(news: Promise<News>): Promise<News> {
    let isWaiting = true;
    void news.then(() => {
      isWaiting = false;
      this.#wakeUp.notify();
    });
    const faulted = this.#control.faulted;
    let isDue = false;
    while (isWaiting && faulted.size > 0) {
      try {
        isDue = this.#faults.look(faulted) || isDue;
        if (isDue) await this.#control.endFaults(faulted, this.#faults.inEffect(faulted));
        isDue = false;
      } catch (error) {
        this.#options.log.error("cannot end a fault, trying again", { error });
      }
      await this.#wakeUp.wait(Math.min(CLOCK_INTERVAL_MILLISECONDS, this.#faults.delayMilliseconds(faulted)));
    }
    return await news;
  }

  get #state(): RouterState {
    if (this.#departure !== undefined) return "Draining";
    return this.#control.isUp ? "Serving" : "Down";
  }

  #change(): void {
    this.#hasChanged = true;
    this.#wakeUp.notify();
  }

  /** Reads, decides, writes. Returns how long there is nothing to do, in milliseconds. Never rejects. */
  async #turn(): Promise<number> {
    try {
      this.#departWhenDeleted();
      const delayMilliseconds = await this.#step();
      await this.#tellEnvoy();
      const isFarewell = this.#departure !== undefined && !this.#departure.envoyIsTold;
      return isFarewell ? FAREWELL_INTERVAL_MILLISECONDS : delayMilliseconds;
    } catch (error) {
      this.#options.log.error("cannot bring the configuration up to date, trying again", { error });
      this.#hasChanged = true;
      return FAILURE_INTERVAL_MILLISECONDS;
    }
  }

  async #step(): Promise<number> {
    const { identity } = this.#options;
    const hasNews = (await this.#plans.refresh()) || this.#hasChanged;
    this.#hasChanged = false;
    if (hasNews) {
      this.#wanted = desiredConfiguration(
        this.#deployments.list(),
        this.#pods.list(),
        this.#wanted,
        (name, plan) => this.#plans.resolve(name, plan),
      );
    }
    const hasChanged = this.#faults.look(this.#wanted) || hasNews;
    if (hasChanged) this.#desired = this.#faults.inEffect(this.#wanted);
    const { firstTries, load } = this.#options;
    if (hasNews) load?.note(scaledNames(this.#deployments.list()));
    // Once before a plan is published, and once more when Envoy has said what it took.
    firstTries?.note(this.#desired, this.#acknowledgements);
    const { acknowledgements, delayMilliseconds } = await this.#control.step(this.#desired, hasChanged);
    this.#isStarted = true;
    this.#logChanges(acknowledgements);
    this.#acknowledgements = acknowledgements;
    firstTries?.note(this.#desired, acknowledgements);
    this.#wasAcknowledged ||= this.#control.isUp && [...acknowledgements.values()].every(isDecided);
    this.#slices.want(
      [...acknowledgements].map(([name, acknowledgement]) =>
        renderSlice(name, acknowledgement, this.#state, identity),
      ),
    );
    return Math.min(delayMilliseconds, this.#faults.delayMilliseconds(this.#wanted));
  }

  #logChanges(after: ReadonlyMap<string, Acknowledgement>): void {
    const { log } = this.#options;
    for (const [name, { serving, rejection, credentialProblem }] of after) {
      const before = this.#acknowledgements.get(name);
      const fields = { "petrel.model_deployment": name, "petrel.epoch": serving?.epoch };
      if (serving?.epoch !== before?.serving?.epoch) log.info("a traffic plan is in effect", fields);
      if (rejection !== undefined && rejection !== before?.rejection) {
        log.warn("a traffic plan was rejected", { ...fields, error: rejection });
      }
      if (credentialProblem !== undefined && credentialProblem !== before?.credentialProblem) {
        log.warn("a traffic plan waits for its credentials", { ...fields, error: credentialProblem });
      }
    }
  }

  /** A deleted pod gets its signals one container after the other, this one last: so it watches itself. */
  #departWhenDeleted(): void {
    const { identity, clock } = this.#options;
    const isDeleted = this.#pods
      .list()
      .some(({ uid, isTerminating }) => uid === identity.podUid && isTerminating);
    if (isDeleted && this.#departure === undefined) this.#depart(clock.monotonic());
  }

  #depart(since: number): void {
    this.#options.log.info("leaving: no new connections from now on");
    this.#departure = { since, envoyIsTold: false };
  }

  /** Envoy sends its clients away once the API has heard that there is nothing more to come here. */
  async #tellEnvoy(): Promise<void> {
    const { clock, envoy, log } = this.#options;
    const departure = this.#departure;
    if (departure === undefined || departure.envoyIsTold) return;
    if (!this.#slices.isSettled && clock.monotonic() < departure.since + FAREWELL_MILLISECONDS) return;
    this.#departure = { ...departure, envoyIsTold: true };
    try {
      await envoy.drain();
    } catch (error) {
      log.warn("Envoy cannot be asked to drain", { error });
    }
  }

  /**
   * Asked to stop. While Envoy goes on and the pod stays, this container alone is replaced: then everything is
   * left as it is. Else what is left of the departure is waited for, as long as there is an Envoy to wait for.
   */
  async #leave(): Promise<void> {
    const { clock, envoy, drainMilliseconds, log } = this.#options;
    this.#departWhenDeleted();
    if (this.#departure === undefined) {
      if (await envoy.isReady()) {
        log.info("stopping; Envoy goes on with the files that are there");
        return;
      }
      this.#depart(clock.monotonic());
    }
    const since = this.#departure?.since ?? clock.monotonic();
    const farewellEnd = clock.monotonic() + FAREWELL_MILLISECONDS;
    for (;;) {
      const delayMilliseconds = await this.#turn();
      const isDrained = clock.monotonic() >= since + drainMilliseconds || !(await envoy.isReady());
      if (isDrained && (this.#slices.isSettled || clock.monotonic() >= farewellEnd)) return;
      await this.#wakeUp.wait(Math.min(delayMilliseconds, FAREWELL_INTERVAL_MILLISECONDS));
    }
  }
}

function scaledNames(deployments: readonly ObservedTraffic[]): ReadonlySet<string> {
  return new Set(
    deployments.flatMap(({ name, isScaled, isLeaving }) => (isScaled && !isLeaving ? [name] : [])),
  );
}

function isDecided({ serving, rejection, credentialProblem }: Acknowledgement): boolean {
  return [serving, rejection, credentialProblem].some((each) => each !== undefined);
}
