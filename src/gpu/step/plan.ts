// Where everything of a recorded step will be, known before any buffer is made.
import { invariant } from '../../errors/index.ts';
import type { DataId } from '../device/backend.ts';
import type { Tensor } from '../device/tfjs.ts';
import { planSlots } from './liveness.ts';
import type { HostValues, RecordedOutput, Recording, StepTensor } from './recordedStep.ts';
import { at as itemAt } from '../../util/at.ts';

// What every device takes as an offset into a uniform or storage buffer.
const ALIGNMENT = 256;

/** Bytes that a plan needs, by what for. */
export interface PlanBytes {
  /** Activations and everything else that lives only inside the step. */
  readonly slots: number;
  /** Pictures, targets and other values from the host. */
  readonly inputs: number;
  readonly constants: number;
}

/** The device can't hold a planned step. Whoever knows what the step is makes a `DeviceError` of it. */
export class StepTooLarge extends Error {
  override readonly name = 'StepTooLarge';
  readonly plan: PlanBytes;
  readonly reason: TooLarge;

  constructor(plan: PlanBytes, reason: TooLarge) {
    super('the step needs more memory than the device has');
    this.plan = plan;
    this.reason = reason;
  }
}

export type TooLarge =
  /** No buffer can hold one of its tensors, or its constants; what is kept doesn't grow with the batch. */
  | { readonly kind: 'tensor'; readonly bytes: number; readonly limit: number; readonly isKept: boolean }
  /** All together are too much: the device gave so many bytes of the plan. */
  | { readonly kind: 'sum'; readonly given: number };

/** What a device can bind and hold. */
export type SizeLimits = Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'>;

/** A place in the buffers that all steps share, or in the step's constants. */
export interface Place {
  readonly kind: 'slot' | 'input' | 'constant';
  /** Of the slot or input; 0 for constants. */
  readonly index: number;
  /** In bytes. */
  readonly offset: number;
}

export interface HostInput<A> {
  readonly data: DataId;
  readonly pick: (args: A) => HostValues;
}

export interface LiveUniforms {
  /** In bytes. */
  readonly offset: number;
  readonly words: () => Uint32Array;
  /** As recorded. */
  readonly first: Uint32Array;
}

/** When a tensor is needed. */
interface Span {
  readonly first: number;
  last: number;
  readonly reads: number[];
  readonly writes: number[];
}

export class StepPlan<A> {
  readonly bytes: PlanBytes;
  /** Of the slots, the largest first. */
  readonly slotBytes: readonly number[];
  /** Of the inputs, the largest first. */
  readonly inputBytes: readonly number[];
  /** In the order of their buffers. */
  readonly inputs: readonly HostInput<A>[];
  /** Constants with their offsets, in bytes. */
  readonly constants: readonly { readonly at: number; readonly values: HostValues }[];
  readonly constantBytes: number;
  /** Uniforms with their offsets, in bytes; equal ones share a place. */
  readonly uniforms: readonly { readonly at: number; readonly words: Uint32Array }[];
  readonly uniformBytes: number;
  /** Offset of each dispatch's uniforms, in bytes; -1 for none. */
  readonly uniformAt: readonly number[];
  readonly live: readonly LiveUniforms[];
  readonly #recording: Recording<A>;
  readonly #placeOf = new Map<DataId, Place>();
  readonly #outputPlaces = new Map<DataId, Tensor>();

  /** @throws StepTooLarge when a tensor, or all constants together, exceed the limits */
  constructor(recording: Recording<A>, limits: SizeLimits) {
    this.#recording = recording;
    for (const output of recording.outputs) this.#planOutput(output);
    this.#dropClashingPlaces();
    this.slotBytes = this.#planSlots();
    const inputs = [...recording.tensors.values()]
      .flatMap(({ data, bytes, origin }) =>
        origin.kind === 'input' ? [{ data, bytes, pick: origin.pick }] : [],
      )
      .sort((a, b) => b.bytes - a.bytes);
    inputs.forEach(({ data }, index) => this.#placeOf.set(data, { kind: 'input', index, offset: 0 }));
    this.inputs = inputs;
    this.inputBytes = inputs.map(({ bytes }) => bytes);
    const constants = new Layout<HostValues>();
    for (const { data, origin } of recording.tensors.values()) {
      if (origin.kind !== 'constant') continue;
      const offset = constants.add(origin.values, origin.values.byteLength);
      this.#placeOf.set(data, { kind: 'constant', index: 0, offset });
    }
    this.constants = constants.parts.map(({ at, part }) => ({ at, values: part }));
    this.constantBytes = constants.bytes;
    const { uniforms, uniformAt, live } = layUniforms(recording);
    this.uniforms = uniforms.parts.map(({ at, part }) => ({ at, words: part }));
    this.uniformBytes = uniforms.bytes;
    this.uniformAt = uniformAt;
    this.live = live;
    this.bytes = { slots: sum(this.slotBytes), inputs: sum(this.inputBytes), constants: constants.bytes };
    this.#checkSizes(limits);
  }

  /** Where a tensor of the step lies; undefined for those from outside. */
  placeOf(data: DataId): Place | undefined {
    return this.#placeOf.get(data);
  }

  /** The storage outside that a tensor of the step is written to, if it is an output with such a place. */
  outputPlace(data: DataId): Tensor | undefined {
    return this.#outputPlaces.get(data);
  }

  tensor(data: DataId): StepTensor<A> {
    const tensor = this.#recording.tensors.get(data);
    invariant(tensor, 'a tensor of the step was never noted');
    return tensor;
  }

  /** An output may be written straight to its place when it is made inside the step and nothing else has that place. */
  #planOutput({ data, place }: RecordedOutput): void {
    if (!place || this.#outputPlaces.has(data)) return;
    if (this.tensor(data).origin.kind !== 'inside') return;
    const isTaken = [...this.#outputPlaces.values()].some((other) => other.dataId === place.dataId);
    // The place must not be read or written by the step itself.
    if (!isTaken && !this.#recording.tensors.has(place.dataId)) this.#outputPlaces.set(data, place);
  }

  /**
   * Places are parts of one buffer, and WebGPU forbids a dispatch to write one part of it and to read another: an output
   * that a further one is made of gets no place.
   */
  #dropClashingPlaces(): void {
    for (const { bindings } of this.#recording.dispatches) {
      const placed = bindings.filter(({ data }) => this.#outputPlaces.has(data));
      if (!placed.some(({ isWritten }) => isWritten)) continue;
      for (const { data, isWritten } of placed) if (!isWritten) this.#outputPlaces.delete(data);
    }
  }

  #planSlots(): readonly number[] {
    const { dispatches, tensors, outputs } = this.#recording;
    const spans = new Map<DataId, Span>();
    dispatches.forEach(({ bindings }, at) => {
      for (const { data, isWritten } of bindings) {
        let span = spans.get(data);
        if (!span) spans.set(data, (span = { first: at, last: at, reads: [], writes: [] }));
        span.last = at;
        (isWritten ? span.writes : span.reads).push(at);
      }
    });
    for (const { data } of outputs) {
      const span = spans.get(data);
      if (span) span.last = dispatches.length;
    }
    const inside = [...spans].filter(
      ([data]) => tensors.get(data)?.origin.kind === 'inside' && !this.#outputPlaces.has(data),
    );
    const plan = planSlots(inside.map(([data, span]) => ({ ...span, bytes: this.tensor(data).bytes })));
    inside.forEach(([data], i) => {
      this.#placeOf.set(data, {
        kind: 'slot',
        index: itemAt(plan.slotOf, i),
        offset: itemAt(plan.offsetOf, i),
      });
    });
    return plan.slotBytes;
  }

  /** Told here by name: WebGPU would only report a validation error, later. */
  #checkSizes({ maxBufferSize, maxStorageBufferBindingSize }: SizeLimits): void {
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    let largest: StepTensor<A> | null = null;
    for (const tensor of this.#recording.tensors.values())
      if (tensor.bytes > (largest?.bytes ?? limit)) largest = tensor;
    if (!largest) {
      // Constants and uniforms lie in a buffer each.
      const bytes = Math.max(this.constantBytes, this.uniformBytes);
      if (bytes > maxBufferSize)
        throw new StepTooLarge(this.bytes, { kind: 'tensor', bytes, limit: maxBufferSize, isKept: true });
      return;
    }
    const { bytes, origin } = largest;
    const isKept = origin.kind === 'outside' || origin.kind === 'constant';
    throw new StepTooLarge(this.bytes, { kind: 'tensor', bytes, limit, isKept });
  }
}

/** Parts of a buffer, one behind the other. */
class Layout<P> {
  readonly parts: { readonly at: number; readonly part: P }[] = [];
  bytes = 0;

  /** @returns the part's offset */
  add(part: P, bytes: number): number {
    const at = this.bytes;
    this.parts.push({ at, part });
    this.bytes += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  }
}

function layUniforms<A>({ dispatches }: Recording<A>): {
  uniforms: Layout<Uint32Array>;
  uniformAt: number[];
  live: LiveUniforms[];
} {
  const uniforms = new Layout<Uint32Array>();
  const live: LiveUniforms[] = [];
  const known = new Map<string, number>();
  const uniformAt = dispatches.map(({ uniforms: words, liveUniforms }) => {
    if (!words) return -1;
    const key = words.join();
    const same = liveUniforms ? undefined : known.get(key);
    if (same !== undefined) return same;
    const offset = uniforms.add(words, words.byteLength);
    if (liveUniforms) live.push({ offset, words: liveUniforms, first: words });
    else known.set(key, offset);
    return offset;
  });
  return { uniforms, uniformAt, live };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
