/**
 * The handle by which a person pauses, resumes and stops a run. The runner asks {@link RunControl.checkpoint}
 * after every iteration, so a request is heard within one iteration.
 */
export class RunControl {
  #paused = false;
  #stopRequested = false;
  #wake: (() => void) | null = null;
  #listener: (() => void) | null = null;

  get isPaused(): boolean {
    return this.#paused;
  }

  get isStopRequested(): boolean {
    return this.#stopRequested;
  }

  /** Call `listener` after every change. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  pause(): void {
    this.#paused = true;
    this.#listener?.();
  }

  resume(): void {
    this.#paused = false;
    this.#release();
  }

  /** Finish the current iteration, write a checkpoint, end the run. */
  stop(): void {
    this.#stopRequested = true;
    this.#release();
  }

  /** Wait while paused. @returns true when the run must stop. */
  async checkpoint(): Promise<boolean> {
    while (this.#paused && !this.#stopRequested) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#stopRequested;
  }

  #release(): void {
    this.#wake?.();
    this.#wake = null;
    this.#listener?.();
  }
}
