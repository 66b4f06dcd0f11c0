// One run of a step's body with nothing sent to the GPU: its dispatches in order, and where their data comes from.
import { invariant } from '../../errors/index.ts';
import type { DataId, EngineBackend } from '../device/backend.ts';
import { tf } from '../device/tfjs.ts';
import { NotRecordable, recordInto } from '../dispatch/recorder.ts';
import { fuseSums } from './fuseSums.ts';
import { fillKept } from './keptTensors.ts';
import type { RecordedOutput, Recording, StepOutputs } from './recordedStep.ts';
import { StepRecorder } from './stepRecorder.ts';

/**
 * Run `body` without touching the GPU, but for what it makes and keeps.
 *
 * @returns the recording; the tensors that the body handed out are disposed
 * @throws NotRecordable when a replay couldn't repeat what the body does
 */
export function recordStep<A>(args: A, body: (args: A) => StepOutputs, backend: EngineBackend): Recording<A> {
  // What a body computes once and keeps is there the second time.
  for (let attempt = 0; ; attempt++) {
    const { recording, kept } = recordOnce(args, body, backend);
    if (recording) return recording;
    if (attempt > 0)
      throw new NotRecordable(`a tensor [${kept.join(', ')}] that is made in each step and kept after it`);
  }
}

type Attempt<A> =
  | { readonly recording: Recording<A>; readonly kept?: undefined }
  /** The shape of a tensor that the step computes and keeps; it is filled by now. */
  | { readonly recording?: undefined; readonly kept: readonly number[] };

function recordOnce<A>(args: A, body: (args: A) => StepOutputs, backend: EngineBackend): Attempt<A> {
  const recorder = new StepRecorder(args, backend);
  const { tensors, effects } = recorder;
  let made: StepOutputs = { outputs: [] };
  try {
    made = recordInto(recorder, () => runTidy(() => body(args)));
    if (recorder.refusal) throw recorder.refusal;
    for (const { dataId } of made.outputs) recorder.note(dataId);
  } catch (error) {
    tf.dispose([...made.outputs]);
    settleKept(recorder, error instanceof NotRecordable);
    throw error;
  }
  const { outputs, places = [] } = made;
  const recorded = outputs.map(({ dataId, shape, dtype }, i): RecordedOutput => {
    invariant(dtype === 'float32' || dtype === 'int32', `a step's output is ${dtype}`);
    return { data: dataId, shape: [...shape], dtype, place: places[i] ?? null };
  });
  tf.dispose([...outputs]);
  const computed = settleKept(recorder, true);
  if (computed) return { kept: backend.tensorMap.get(computed).shape };
  for (const data of recorder.leftovers()) {
    // Made once of host values and kept, as anchors are: the next time it will have been there before.
    const noted = tensors.get(data);
    if (noted) tensors.set(data, { ...noted, origin: { kind: 'outside' } });
  }
  const handedOut = new Set(recorded.map(({ data }) => data));
  const isDroppable = (data: DataId): boolean =>
    tensors.get(data)?.origin.kind === 'inside' && !handedOut.has(data);
  const maxTerms = backend.device.limits.maxStorageBuffersPerShaderStage - 1;
  const { dispatches, gone } = fuseSums(recorder.dispatches, isDroppable, maxTerms);
  for (const data of gone) tensors.delete(data);
  return { recording: { dispatches, tensors, outputs: recorded, effects } };
}

/**
 * Compute what the body keeps of a step that didn't run, and free what half a step left behind.
 * @param isWanted false when nobody will ask for it again: it is freed
 * @returns one of the tensors that had to be computed
 */
function settleKept<A>(recorder: StepRecorder<A>, isWanted: boolean): DataId | undefined {
  const { backend, args, dispatches, tensors } = recorder;
  // Those with values are complete.
  const computed = recorder.leftovers().filter((data) => !backend.tensorMap.get(data).values);
  const { tensorInfo } = tf.engine().state;
  const kept = isWanted ? computed.filter((data) => tensorInfo.has(data)) : [];
  for (const data of computed) if (!kept.includes(data)) backend.disposeData(data, true);
  if (kept.length > 0) fillKept(kept, dispatches, tensors, args, backend);
  return kept[0];
}

/** Run a body and free everything made in it but its outputs. */
export function runTidy(body: () => StepOutputs): StepOutputs {
  let result: StepOutputs = { outputs: [] };
  tf.tidy(() => {
    result = body();
    return [...result.outputs];
  });
  return result;
}
