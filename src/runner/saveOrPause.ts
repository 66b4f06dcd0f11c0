import { StorageError } from '../errors/trainerError.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import type { Logger } from './logger.ts';
import type { RunControl } from './runControl.ts';

/** The part of a run that can wait for a person. */
interface Waiting {
  readonly control: RunControl;
  readonly logger: Logger;
  readonly onEvent: RunListener;
}

/**
 * Write something that a run must not go on without. Where a person looks on (`RunControl.isAttended`), a storage that
 * refuses pauses the run, and Resume tries again; a stop gives up.
 * @param what is written: `the checkpoint w/epoch_1.pth`
 * @throws what `write` throws: at once for anything but a StorageError and where nobody looks on
 */
export async function saveOrPause<T>(run: Waiting, what: string, write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!run.control.isAttended || run.control.isStopRequested || !(error instanceof StorageError))
        throw error;
      const { code } = error;
      const message = `${what} can't be written, the run is paused: ${error.message}`;
      const hint = `${error.hint ?? 'see to it'}; Resume tries again`;
      run.logger.warning(`${message} (${hint})`);
      run.onEvent({ name: 'run.noticed', level: 'error', code, message, hint });
      run.control.pause();
      if (await run.control.checkpoint()) throw error;
    }
  }
}
