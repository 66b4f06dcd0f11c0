import { turn } from '../util/turn.ts';

const TURN_MS = 50;

/** Keeps long loops open to messages: from time to time it lets the event loop run and tells how far the work is. */
export class Pulse {
  readonly #tell: () => void;
  #lastMs = performance.now();

  /** @param tell called after each turn of the event loop; what it throws ends the loop */
  constructor(tell: () => void) {
    this.#tell = tell;
  }

  /** @returns what to await; undefined when it isn't time */
  beat(): Promise<void> | undefined {
    return performance.now() - this.#lastMs < TURN_MS ? undefined : this.#turn();
  }

  async #turn(): Promise<void> {
    await turn();
    this.#lastMs = performance.now();
    this.#tell();
  }
}
