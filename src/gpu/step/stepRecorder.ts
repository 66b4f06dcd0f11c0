// Takes what a step's body does instead of the GPU.
import type { DataId, EngineBackend } from '../device/backend.ts';
import {
  NotRecordable,
  type ChosenDispatch,
  type RecordedDispatch,
  type Recorder,
  type VariantChoice,
} from '../dispatch/recorder.ts';
import type { HostValues, Origin, StepTensor } from './recordedStep.ts';
import { at } from '../../util/at.ts';

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

/** The part of a program's key that a person can read. */
export function nameOf({ program }: RecordedDispatch): string {
  return at(program.key.replace(/^elementwise /, '').split('|'), 0);
}
