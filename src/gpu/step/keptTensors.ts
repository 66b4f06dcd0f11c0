// Tensors that a step's body makes and keeps, such as anchors that are made once: while a step is recorded nothing runs,
// so that what they hold is made up for afterwards.
import { invariant } from '../../errors/index.ts';
import type { EngineBackend } from '../device/backend.ts';
import type { ChosenDispatch } from '../dispatch/recorder.ts';
import type { DataId } from '../device/backend.ts';
import type { StepTensor } from './recordedStep.ts';
import { Replay } from './replay.ts';

const COPIED = 0x4 | 0x8; // COPY_SRC | COPY_DST

/**
 * Run those of a step's dispatches that some tensors hang on which outlive it, and no other. What they change outside of
 * the step, such as running statistics, is put back: the step itself is still to run.
 *
 * @param kept tensors that the body still has; their storage is filled
 */
export function fillKept<A>(
  kept: readonly DataId[],
  dispatches: readonly ChosenDispatch[],
  tensors: ReadonlyMap<DataId, StepTensor<A>>,
  args: A,
  backend: EngineBackend,
): void {
  const needed = neededFor(kept, dispatches);
  const bindings = needed.flatMap((dispatch) => dispatch.bindings);
  const used = new Set(bindings.map(({ data }) => data));
  const written = new Set(bindings.flatMap(({ data, isWritten }) => (isWritten ? [data] : [])));
  const own = new Map([...tensors].filter(([data]) => used.has(data)));
  const changed = [...own.values()].filter(
    ({ data, origin }) => origin.kind === 'outside' && written.has(data),
  );
  for (const data of kept) {
    const tensor = own.get(data);
    if (tensor) own.set(data, { ...tensor, origin: { kind: 'outside' } });
  }
  const restore = saveTensors(changed, backend);
  const replay = new Replay({ dispatches: needed, tensors: own, outputs: [], effects: [] }, backend);
  replay.run(args);
  restore();
  replay.dispose();
}

/** Copy tensors aside. @returns what copies them back */
function saveTensors<A>(tensors: readonly StepTensor<A>[], backend: EngineBackend): () => void {
  const copies = tensors.map(({ data, bytes }) => ({
    ...{ bytes, place: backend.rangeOf(data) },
    copy: backend.bufferManager.acquireBuffer(bytes, COPIED, false, false),
  }));
  const encoder = (): GPUCommandEncoder => {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    invariant(backend.commandEncoder, 'no command encoder');
    return backend.commandEncoder;
  };
  for (const { bytes, place, copy } of copies)
    encoder().copyBufferToBuffer(place.buffer, place.offset ?? 0, copy, 0, bytes);
  return () => {
    for (const { bytes, place, copy } of copies)
      encoder().copyBufferToBuffer(copy, 0, place.buffer, place.offset ?? 0, bytes);
    backend.submitEncoded();
    for (const { copy } of copies) backend.bufferManager.releaseBuffer(copy, false);
  };
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
