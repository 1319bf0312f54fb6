/**
 * Clients whose answer takes its time: how many may wait at once, and who gives way.
 *
 * Anybody in the cluster can ask, and the kubelet asks once, at the end of a pod; what it is refused it does not ask
 * again. So when all places are taken, a newcomer is not refused: of the address that has the most places, the one that
 * waits longest gives way. Whoever asks from fewer addresses than there are places keeps nobody out who asks from
 * another one, as the kubelet does from its node's; only who is in that node's own network has its address as well.
 * Not kept here: who takes all connections of the server, which needs to be kept away by a network policy.
 */
import type { Socket } from "node:net";

/** The most that wait at once. */
export const MAXIMUM_WAITING = 20;

/** A wait as a server offers it: ends soon after its signal is aborted, if only by a rejection. */
export type Wait = (signal: AbortSignal) => Promise<void>;

interface Place {
  readonly client: Socket;
  readonly address: string;
  /** Ends the wait, if it has not ended. */
  readonly leave: () => void;
}

/** Those who wait for an answer of one server. */
export class WaitingClients {
  /** In the order in which they came. */
  readonly #places = new Set<Place>();

  /** How many wait. */
  get count(): number {
    return this.#places.size;
  }

  /**
   * Resolves with true when what is waited for has come, and with false when this client does not wait any more: it
   * has gone, has asked anew over the same connection, or has to give way to another one. Rejects with what the wait
   * rejects with by itself.
   */
  async wait(client: Socket, wait: Wait): Promise<boolean> {
    const left = new AbortController();
    const { signal } = left;
    const leave = () => {
      client.off("close", leave);
      this.#places.delete(place);
      left.abort();
    };
    const place: Place = { client, address: client.remoteAddress ?? "", leave };
    for (const other of this.#places) if (other.client === client) other.leave();
    client.once("close", leave);
    this.#places.add(place);
    if (this.#places.size > MAXIMUM_WAITING) this.#whoGivesWay(place).leave();
    try {
      if (!signal.aborted) await wait(signal);
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      leave();
    }
  }

  /** The newcomer itself when every address has one place: then nobody has too many. */
  #whoGivesWay(newcomer: Place): Place {
    const byAddress = new Map<string, Place[]>();
    for (const place of this.#places) {
      byAddress.set(place.address, [...(byAddress.get(place.address) ?? []), place]);
    }
    const [busiest = []] = [...byAddress.values()].sort((a, b) => b.length - a.length);
    return busiest.length > 1 ? (busiest[0] ?? newcomer) : newcomer;
  }
}
