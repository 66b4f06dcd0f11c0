import type { Mode } from './runnerTypes.ts';
import { at } from '../util/at.ts';

/** Where a runner stands in its workflow. */
export interface WorkflowPlace {
  /** Index of the workflow's entry, and how often it has been done in this round. */
  entry: number;
  done: number;
  /** How often each entry has been done since the run began. */
  readonly taken: number[];
}

/**
 * Walk through the workflow until `trained` training steps (epochs or iterations) are done.
 * @param throughVal also past the val steps behind them: where the next training step stands
 * @example replayWorkflow([['train', 2], ['val', 1]], 3) // { entry: 0, done: 1, taken: [3, 1] }
 */
export function replayWorkflow(
  flow: readonly (readonly [Mode, number])[],
  trained: number,
  throughVal = false,
): WorkflowPlace {
  const taken = flow.map(() => 0);
  const perRound = flow.reduce((sum, [mode, times]) => sum + (mode === 'train' ? times : 0), 0);
  const rounds = trained === 0 ? 0 : Math.ceil(trained / perRound) - 1;
  for (const [i, [, times]] of flow.entries()) taken[i] = rounds * times;
  let left = trained - rounds * perRound;
  let entry = 0;
  let done = 0;
  const isNextVal = (): boolean =>
    throughVal && (at(flow, entry)[0] === 'val' || done === at(flow, entry)[1]);
  while (left > 0 || isNextVal()) {
    const [mode, times] = at(flow, entry);
    if (done === times) {
      entry = (entry + 1) % flow.length;
      done = 0;
      continue;
    }
    taken[entry] = at(taken, entry) + 1;
    done += 1;
    if (mode === 'train') left -= 1;
  }
  return { entry, done, taken };
}
