// One run of a step's body with nothing sent to the GPU: its dispatches in order, and where their data comes from.
import { invariant } from '../../errors/index.ts';
import type { EngineBackend } from '../backend.ts';
import {
  NotRecordable,
  recordInto,
  type DataId,
  type RecordedDispatch,
  type Recorder,
  type ChosenDispatch,
  type VariantChoice,
} from '../recorder.ts';
import { tf, type Tensor } from '../tfjs.ts';
import { fuseSums } from './fuseSums.ts';
import { fillKept } from './keptTensors.ts';

/** Host values of a step; the bytes are what the GPU gets. */
export type HostValues = Float32Array | Int32Array | Uint32Array;

/** Where a tensor of the step comes from. */
export type Origin<A> =
  /** It was there before the step: a parameter, its state, a running statistic. */
  | { readonly kind: 'outside' }
  /** Made and dropped inside the step. */
  | { readonly kind: 'inside' }
  /** Values that are the same in every step. */
  | { readonly kind: 'constant'; readonly values: HostValues }
  /** Values that the host gives anew each time. */
  | { readonly kind: 'input'; readonly pick: (args: A) => HostValues };

export interface StepTensor<A> {
  readonly data: DataId;
  readonly bytes: number;
  readonly origin: Origin<A>;
}

/** What a body hands out: tensors, and for some of them the place where they are wanted. */
export interface StepOutputs {
  readonly outputs: readonly Tensor[];
  /** Storage that an output is to be written to (same size), such as a gradient's slot; none: a tensor of its own. */
  readonly places?: readonly (Tensor | null)[];
}

export interface RecordedOutput {
  readonly data: DataId;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly place: Tensor | null;
}

export interface Recording<A> {
  readonly dispatches: readonly ChosenDispatch[];
  /** Every tensor that a dispatch or an output names, in order of appearance. */
  readonly tensors: ReadonlyMap<DataId, StepTensor<A>>;
  readonly outputs: readonly RecordedOutput[];
  /** What the host does besides at each step, such as counting batches. */
  readonly effects: readonly (() => void)[];
}

/** Takes a step's dispatches. `args` is what the body was called with. */
export class StepRecorder<A> implements Recorder {
  readonly args: A;
  readonly dispatches: ChosenDispatch[] = [];
  readonly effects: (() => void)[] = [];
  readonly tensors = new Map<DataId, StepTensor<A>>();
  /** The first thing that can't be replayed. */
  refusal: NotRecordable | null = null;
  readonly backend: EngineBackend;
  #choice: VariantChoice | null = null;
  readonly #created = new Set<DataId>();
  readonly #picks = new Map<DataId, (args: A) => HostValues>();

  constructor(args: A, backend: EngineBackend) {
    this.args = args;
    this.backend = backend;
  }

  record(dispatch: RecordedDispatch): void {
    for (const { data, isWritten } of dispatch.bindings) {
      const { origin } = this.note(data);
      if (isWritten && (origin.kind === 'constant' || origin.kind === 'input'))
        throw this.refuse(`'${nameOf(dispatch)}', which changes a tensor made from host values,`);
    }
    this.dispatches.push({ ...dispatch, choice: this.#choice });
    this.#choice = null;
  }

  chosen(choice: VariantChoice): void {
    this.#choice = choice;
  }

  refuse(culprit: string): NotRecordable {
    this.refusal ??= new NotRecordable(culprit);
    return this.refusal;
  }

  created(data: DataId): void {
    this.#created.add(data);
  }

  input(data: DataId, pick: (args: A) => HostValues): void {
    this.#picks.set(data, pick);
  }

  /** Remember a tensor at its first use, while its data is still known. */
  note(data: DataId): StepTensor<A> {
    const known = this.tensors.get(data);
    if (known) return known;
    const { shape, values } = this.backend.tensorMap.get(data);
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    const noted = { data, bytes, origin: this.#originOf(data, values) };
    this.tensors.set(data, noted);
    return noted;
  }

  /** Created tensors that still exist without being known to anyone but the step's caller. */
  leftovers(): DataId[] {
    const { tensorMap } = this.backend;
    // Without references: tfjs frees it at the next submit.
    return [...this.#created].filter((data) => tensorMap.has(data) && tensorMap.get(data).refCount > 0);
  }

  #originOf(data: DataId, values: StoredValues): Origin<A> {
    const pick = this.#picks.get(data);
    if (pick) return { kind: 'input', pick };
    if (!this.#created.has(data)) return { kind: 'outside' };
    return values ? { kind: 'constant', values: wordsOf(values) } : { kind: 'inside' };
  }
}

type StoredValues = Float32Array | Int32Array | Uint8Array | null;

// tfjs keeps bools as bytes on the host and as int32 on the GPU. Copied: the owner may change them.
function wordsOf(values: Exclude<StoredValues, null>): HostValues {
  if (values instanceof Float32Array) return values.slice();
  return Int32Array.from(values);
}

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

/**
 * Where two recordings of one body differ, as a noun for a message; null when a replay of the one does what the
 * other would.
 */
export function difference<A>(a: Recording<A>, b: Recording<A>): string | null {
  if (a.dispatches.length !== b.dispatches.length)
    return `the number of dispatches (${a.dispatches.length}, then ${b.dispatches.length})`;
  // Tensors of the two recordings that stand for each other.
  const twin = new Map<DataId, DataId>();
  const isTwin = (x: DataId, y: DataId): boolean => {
    const known = twin.get(x);
    if (known) return known === y;
    twin.set(x, y);
    const [p, q] = [a.tensors.get(x), b.tensors.get(y)];
    if (!p || !q || p.bytes !== q.bytes || p.origin.kind !== q.origin.kind) return false;
    if (p.origin.kind === 'outside') return x === y;
    return p.origin.kind !== 'constant' || q.origin.kind !== 'constant'
      ? true
      : areEqual(p.origin.values, q.origin.values);
  };
  for (const [i, x] of a.dispatches.entries()) {
    const y = b.dispatches[i];
    const name = nameOf(x);
    if (x.program.key !== y.program.key) return `${name} (later ${nameOf(y)})`;
    if (x.grid.join() !== y.grid.join()) return `the size of ${name}`;
    const isLive = x.liveUniforms !== null && y.liveUniforms !== null;
    if (!isLive && !areEqual(x.uniforms ?? NOTHING, y.uniforms ?? NOTHING))
      return `a number that '${name}' takes`;
    if (!x.bindings.every(({ data }, k) => isTwin(data, y.bindings[k].data)))
      return `a tensor that '${name}' takes`;
  }
  return a.outputs.every(({ data }, i) => i < b.outputs.length && isTwin(data, b.outputs[i].data))
    ? null
    : 'its outputs';
}

/** The part of a program's key that a person can read. */
function nameOf({ program }: RecordedDispatch): string {
  return program.key.replace(/^elementwise /, '').split('|')[0];
}

const NOTHING = new Uint32Array();

function areEqual(a: HostValues, b: HostValues): boolean {
  // By bits: NaN is equal to itself here.
  if (a.length !== b.length) return false;
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  return x.every((word, i) => word === y[i]);
}
