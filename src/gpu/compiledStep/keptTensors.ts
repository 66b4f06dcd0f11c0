// Tensors that a step's body makes and keeps, such as anchors that are made once: while a step is recorded nothing runs,
// so that what they hold is made up for afterwards.
import { RunError } from '../../errors/index.ts';
import type { EngineBackend } from '../backend.ts';
import type { ChosenDispatch, DataId } from '../recorder.ts';
import type { StepTensor } from './recording.ts';
import { Replay } from './replay.ts';

/**
 * Run those of a step's dispatches that some tensors hang on which outlive it, and no other.
 *
 * @param kept tensors that the body still has; their storage is filled
 * @throws RunError `bad-kept-tensor` where that would also change something outside of the step
 */
export function fillKept<A>(
  kept: readonly DataId[],
  dispatches: readonly ChosenDispatch[],
  tensors: ReadonlyMap<DataId, StepTensor<A>>,
  args: A,
  backend: EngineBackend,
): void {
  const needed = neededFor(kept, dispatches);
  const isOutside = (data: DataId): boolean => tensors.get(data)?.origin.kind === 'outside';
  // Computing it now and running the step then would do that twice.
  if (needed.some(({ bindings }) => bindings.some(({ data, isWritten }) => isWritten && isOutside(data))))
    throw new RunError(
      'a tensor that a step keeps must not be computed by what also changes something outside of it',
      { code: 'bad-kept-tensor', hint: 'keep a clone() of the values that are wanted later' },
    );
  const used = new Set(needed.flatMap(({ bindings }) => bindings.map(({ data }) => data)));
  const own = new Map([...tensors].filter(([data]) => used.has(data)));
  for (const data of kept) {
    const tensor = own.get(data);
    if (tensor) own.set(data, { ...tensor, origin: { kind: 'outside' } });
  }
  const replay = new Replay({ dispatches: needed, tensors: own, outputs: [], effects: [] }, backend);
  replay.run(args);
  replay.dispose();
}

/** The dispatches that tensors hang on, in their order. */
function neededFor(wanted: readonly DataId[], dispatches: readonly ChosenDispatch[]): ChosenDispatch[] {
  const open = new Set(wanted);
  const needed: ChosenDispatch[] = [];
  for (const dispatch of [...dispatches].reverse()) {
    if (!dispatch.bindings.some(({ data, isWritten }) => isWritten && open.has(data))) continue;
    needed.push(dispatch);
    // What it writes may have been written before, in part.
    for (const { data } of dispatch.bindings) open.add(data);
  }
  return needed.reverse();
}
