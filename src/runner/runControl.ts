/**
 * The handle by which a person pauses, resumes, profiles and stops a run, and by which an error thrown beside it ends it.
 * Whoever does something long asks {@link RunControl.checkpoint} between its parts (the runner between iterations, an
 * evaluation between batches); whoever waits for something races it against {@link RunControl.stopSignal}.
 */
export class RunControl {
  #paused = false;
  readonly #stop = new AbortController();
  #stopRequested = false;
  #failure: Error | null = null;
  #profileIters = 0;
  /** What waits while paused. */
  #waiting: (() => void)[] = [];
  #listener: (() => void) | null = null;
  #activity: (() => string) | null = null;
  /** Whether somebody looks on who can press Resume. */
  readonly isAttended: boolean;

  /** @param options.isAttended default false: nobody does */
  constructor({ isAttended = false }: { isAttended?: boolean } = {}) {
    this.isAttended = isAttended;
  }

  /** A pause has come into effect: what is done waits in {@link checkpoint}. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get isStopRequested(): boolean {
    return this.#stopRequested;
  }

  /** Aborted by {@link stop} and by {@link fail}. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /** What the run does now, as a stop that waits for it says: `finishing the checkpoint`; null between such things. */
  get activity(): string | null {
    return this.#activity?.() ?? null;
  }

  /** Say what is done from now on. */
  doing(activity: (() => string) | null): void {
    this.#activity = activity;
    if (this.#stopRequested && activity) this.#listener?.();
  }

  /** Call `listener` after every change: also when a pause comes into effect. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** Wait at the next {@link checkpoint}. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#release();
  }

  /** Time each op of the next iterations. @param iters at least 1 */
  profile(iters: number): void {
    this.#profileIters = iters;
  }

  get wantsProfile(): boolean {
    return this.#profileIters > 0;
  }

  /** @returns the iterations asked for; the request is taken back */
  takeProfileRequest(): number {
    const iters = this.#profileIters;
    this.#profileIters = 0;
    return iters;
  }

  /** Finish the current iteration, write a checkpoint, end the run. */
  stop(): void {
    this.#stopRequested = true;
    this.#release();
    this.#stop.abort();
  }

  /** End the run with an error of which the runner itself knows nothing; the first one counts. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#release();
    this.#stop.abort();
  }

  /** @throws what {@link fail} was told */
  throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Wait while paused. @returns true when the run must stop. @throws as {@link throwFailure} */
  async checkpoint(): Promise<boolean> {
    while (this.#paused && !this.#stopRequested && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        this.#listener?.();
      });
    }
    this.throwFailure();
    return this.#stopRequested;
  }

  #release(): void {
    for (const wake of this.#waiting.splice(0)) wake();
    this.#listener?.();
  }
}
