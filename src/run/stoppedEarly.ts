import type { RunControl } from '../runner/runControl.ts';

/** Ends the preparation of a run that was stopped before its first iteration; nobody outside `train` sees it. */
export class StoppedEarly extends Error {
  override readonly name = 'StoppedEarly';
}

/** Wait while paused. @throws StoppedEarly; what {@link RunControl.throwFailure} throws */
export async function throwIfStopped(control: RunControl): Promise<void> {
  if (await control.checkpoint()) throw new StoppedEarly('the run was stopped before its first iteration');
}
