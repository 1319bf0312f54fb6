/**
 * The replicas of a replay: those that serve, and those that are paid for and do not serve yet. Pure.
 *
 * A replica is scheduled at once where a node has room for it, and waits for a new node otherwise; then it loads its model.
 * A node is given back when the last of its replicas is gone. Whoever is scaled in goes at once, first those that are still
 * coming, the latest first.
 */

/** How long replicas take, and what they stand on. */
export interface FleetSettings {
  /** Seconds from having a place to serving; called once for each replica. */
  readonly loadSeconds: () => number;
  /** Replicas that a node holds; undefined where room is never short. */
  readonly replicasPerNode?: number;
  /** Seconds until a new node takes replicas. */
  readonly nodeSeconds: number;
}

/** The replicas of one pool. */
export class ReplicaFleet {
  readonly #settings: FleetSettings;
  /** When each of those that are coming begins to serve, the latest last. */
  #coming: number[] = [];
  #ready: number;
  #nodes: number;
  /** When the node that was asked for last takes replicas. */
  #nodeReadyAt = 0;

  /** @param ready replicas that serve from the beginning. */
  constructor(settings: FleetSettings, ready: number) {
    this.#settings = settings;
    this.#ready = ready;
    this.#nodes = this.#nodesFor(ready);
  }

  /** Replicas that serve. */
  get ready(): number {
    return this.#ready;
  }

  /** Replicas that are paid for and do not serve yet. */
  get coming(): number {
    return this.#coming.length;
  }

  /** Nodes that are paid for; as many as replicas where no size is given. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Brings it to a time: what is loaded by then serves. */
  advance(second: number): void {
    while ((this.#coming[0] ?? Number.POSITIVE_INFINITY) <= second) {
      this.#coming.shift();
      this.#ready++;
    }
  }

  /** Asks for so many replicas in all. */
  scaleTo(replicas: number, second: number): void {
    const more = replicas - this.#ready - this.#coming.length;
    for (let added = 0; added < more; added++) this.#add(second);
    if (more < 0) this.#take(-more);
    if (more > 0) this.#coming.sort((left, right) => left - right);
  }

  /** Replicas that serve break, and are made anew. */
  lose(replicas: number, second: number): void {
    const lost = Math.min(replicas, this.#ready);
    const all = this.#ready + this.#coming.length;
    this.#ready -= lost;
    this.scaleTo(all, second);
  }

  #add(second: number): void {
    const { loadSeconds, nodeSeconds } = this.#settings;
    const nodes = this.#nodesFor(this.#ready + this.#coming.length + 1);
    if (nodes > this.#nodes) [this.#nodes, this.#nodeReadyAt] = [nodes, second + nodeSeconds];
    // Who fills up a node that is on its way waits for it, too.
    this.#coming.push(Math.max(second, this.#nodeReadyAt) + loadSeconds());
  }

  #take(replicas: number): void {
    const coming = Math.min(replicas, this.#coming.length);
    this.#coming.length -= coming;
    this.#ready -= replicas - coming;
    this.#nodes = Math.min(this.#nodes, this.#nodesFor(this.#ready + this.#coming.length));
  }

  #nodesFor(replicas: number): number {
    return Math.ceil(replicas / (this.#settings.replicasPerNode ?? 1));
  }
}
