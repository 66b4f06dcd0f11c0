// What keeps a run alive and the person's work safe: a Web Lock (Chrome freezes no tab that holds one, and a second
// tab sees it), a screen wake lock where allowed, and the browser's own question before a page with a run is left.

const LOCK = 'tabtrain-run';

export class RunGuard {
  #release: (() => void) | null = null;
  /** Fulfilled when the browser has taken the lock back. */
  #whenReleased: Promise<unknown> = Promise.resolve();
  #wakeLock: WakeLockSentinel | null = null;

  /** @returns false when another tab holds the lock. @throws what the browser refuses it with */
  async acquire(): Promise<boolean> {
    const got = await this.#acquireLock();
    if (!got) return false;
    addEventListener('beforeunload', askBeforeLeaving);
    document.addEventListener('visibilitychange', this.#keepAwake);
    this.#keepAwake();
    return true;
  }

  /** Let other tabs train. Fulfilled when {@link isHeld} no longer sees this tab's lock; never rejected. */
  async release(): Promise<void> {
    this.#release?.();
    this.#release = null;
    removeEventListener('beforeunload', askBeforeLeaving);
    document.removeEventListener('visibilitychange', this.#keepAwake);
    void this.#wakeLock?.release();
    this.#wakeLock = null;
    await this.#whenReleased;
  }

  /** True while any tab of ours trains. */
  static async isHeld(): Promise<boolean> {
    if (!('locks' in navigator)) return false;
    const { held = [] } = await navigator.locks.query();
    return held.some((lock) => lock.name === LOCK);
  }

  #acquireLock(): Promise<boolean> {
    if (!('locks' in navigator)) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const released = navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (!lock) return undefined;
        return new Promise<void>((release) => {
          this.#release = release;
        });
      });
      // Refused, or taken away later: nobody holds it then.
      this.#whenReleased = released.catch(reject);
    });
  }

  /** The browser drops a wake lock when the tab is hidden: take it again when it is seen. */
  readonly #keepAwake = (): void => {
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    navigator.wakeLock.request('screen').then(
      (lock) => {
        if (this.#release) this.#wakeLock = lock;
        else void lock.release();
      },
      // Refused on low battery or by policy; training goes on.
      () => undefined,
    );
  };
}

function askBeforeLeaving(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Ask the browser not to clear our storage when the disk is short. It may refuse; nothing depends on it. */
export async function keepStorage(): Promise<boolean> {
  try {
    return (await navigator.storage.persisted()) || (await navigator.storage.persist());
  } catch {
    return false;
  }
}
