import type { BaseRunner } from '../../baseRunner.ts';

/** Tell a person something once: in the log, and where the page shows it. */
export function tellWarning(runner: BaseRunner, code: string, message: string, hint?: string): void {
  runner.logger.warning(hint === undefined ? message : `${message} (${hint})`);
  runner.onEvent({ name: 'run.noticed', level: 'warning', code, message, hint });
}

/** Lets a disk refuse what a logger writes without ending the run: told once, and tried again the next time. */
export class DiskGuard {
  readonly #what: string;
  #hasFailed = false;

  /** @param what is written: the beginning of the sentence that tells of it */
  constructor(what: string) {
    this.#what = what;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  async run(runner: BaseRunner, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const reason = error instanceof Error ? error.message : String(error);
      tellWarning(runner, 'log-not-written', `${this.#what} can't be written: ${reason}`);
    }
  }
}
