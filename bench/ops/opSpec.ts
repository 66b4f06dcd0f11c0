// Micro-benchmarks of single ops on shapes of a small detector: what each has to move, and its inputs. The libraries' sides
// are contenders/engineOps.ts and contenders/tfjsOps.ts.

/** An input, made by a formula that is the same everywhere. */
export interface OpInput {
  readonly shape: readonly number[];
  /** `unit`: about [-1, 1], a little more of them positive; `labels`: int32 0 to `classes`; `boxes`: xyxy with positive sides; `bytes`: int32 words. */
  readonly kind: 'unit' | 'labels' | 'boxes' | 'bytes';
  readonly classes?: number;
}

export interface OpSpec {
  readonly name: string;
  readonly title: string;
  readonly inputs: readonly OpInput[];
  /** Inputs that are differentiated; none: forward only. With some, forward and the gradients of the result's sum. */
  readonly differentiated?: readonly number[];
  /** The least that must be read and written, in bytes: whatever is faster than the memory comes out of a cache. */
  readonly bytes: number;
}

const unit = (...shape: number[]): OpInput => ({ shape, kind: 'unit' });
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

// A backbone's map at batch 8, its channels, the map before pooling, scores and boxes of all anchors.
const MAP = [8, 64, 80, 64];
const X = 4 * sizeOf(MAP);
const CHANNELS = [64];
const PICTURE_MAP = [8, 128, 160, 16];
const P = 4 * sizeOf(PICTURE_MAP);
const ANCHORS = 200_000;
const CLASSES = 20;
const SCORES = 4 * ANCHORS * CLASSES;
const BOXES = 16 * ANCHORS;
const LABELS: OpInput = { shape: [ANCHORS], kind: 'labels', classes: CLASSES };
const boxes: OpInput = { shape: [ANCHORS, 4], kind: 'boxes' };
const PICTURES = [8, 512, 640, 3];
const WEIGHTS = 4_000_000;

// Of a gradient: the result's sum reads it once more, and its dy is written and read.
const SUM = 3;

/** Every op, in the order of the table. */
export const OPS: readonly OpSpec[] = [
  {
    name: 'batchNorm',
    title: 'batch norm, training, ReLU',
    inputs: [unit(...MAP), unit(...CHANNELS), unit(...CHANNELS)],
    bytes: 3 * X,
  },
  {
    name: 'batchNormGrad',
    title: 'batch norm with gradients',
    inputs: [unit(...MAP), unit(...CHANNELS), unit(...CHANNELS)],
    differentiated: [0, 1, 2],
    // x twice and y; then dy and x twice, and dx
    bytes: (3 + 5 + SUM - 1) * X,
  },
  {
    name: 'groupNorm',
    title: 'group norm, 32 groups, ReLU',
    inputs: [unit(...MAP), unit(...CHANNELS), unit(...CHANNELS)],
    bytes: 3 * X,
  },
  { name: 'maxPool', title: 'max pooling 3x3, stride 2', inputs: [unit(...PICTURE_MAP)], bytes: 1.25 * P },
  {
    name: 'maxPoolGrad',
    title: 'max pooling with gradient',
    inputs: [unit(...PICTURE_MAP)],
    differentiated: [0],
    bytes: (1.25 + 1.25 + SUM / 4) * P,
  },
  { name: 'upsample', title: 'nearest upsampling x2', inputs: [unit(8, 32, 40, 64)], bytes: 1.25 * X },
  {
    name: 'upsampleGrad',
    title: 'upsampling with gradient',
    inputs: [unit(8, 32, 40, 64)],
    differentiated: [0],
    bytes: (1.25 + 1.25 + SUM - 1) * X,
  },
  {
    name: 'focalLoss',
    title: 'sigmoid focal loss, summed',
    inputs: [unit(ANCHORS, CLASSES), LABELS],
    bytes: SCORES,
  },
  {
    name: 'focalLossGrad',
    title: 'focal loss with gradient',
    inputs: [unit(ANCHORS, CLASSES), LABELS],
    differentiated: [0],
    bytes: 3 * SCORES,
  },
  {
    name: 'crossEntropy',
    title: 'softmax cross entropy with gradient',
    inputs: [unit(ANCHORS, CLASSES), LABELS],
    differentiated: [0],
    bytes: 3 * SCORES,
  },
  {
    name: 'smoothL1',
    title: 'smooth L1 loss with gradient',
    inputs: [unit(ANCHORS, 4), unit(ANCHORS, 4)],
    differentiated: [0],
    bytes: 5 * BOXES,
  },
  {
    name: 'giou',
    title: 'GIoU loss with gradient',
    inputs: [boxes, boxes],
    differentiated: [0],
    bytes: 5 * BOXES,
  },
  { name: 'concat', title: 'concatenation of channels', inputs: [unit(...MAP), unit(...MAP)], bytes: 4 * X },
  { name: 'sum', title: 'sum of everything', inputs: [unit(...MAP)], bytes: X },
  { name: 'sumRows', title: 'sum over all but channels', inputs: [unit(...MAP)], bytes: X },
  { name: 'max', title: 'maximum over channels', inputs: [unit(...MAP)], bytes: X },
  {
    name: 'normalise',
    title: 'bytes to a normalised picture',
    inputs: [{ shape: PICTURES, kind: 'bytes' }],
    bytes: 5 * sizeOf(PICTURES),
  },
  { name: 'relu', title: 'ReLU', inputs: [unit(...MAP)], bytes: 2 * X },
  { name: 'silu', title: 'SiLU', inputs: [unit(...MAP)], bytes: 2 * X },
  { name: 'add', title: 'addition of two branches', inputs: [unit(...MAP), unit(...MAP)], bytes: 3 * X },
  {
    name: 'scale',
    title: 'times one number a channel',
    inputs: [unit(...MAP), unit(...CHANNELS)],
    bytes: 2 * X,
  },
  // p, g and the state are read; p and the state are written
  { name: 'sgd', title: 'SGD with momentum, 4M weights', inputs: [unit(WEIGHTS)], bytes: 5 * 4 * WEIGHTS },
  { name: 'adam', title: 'Adam, 4M weights', inputs: [unit(WEIGHTS)], bytes: 7 * 4 * WEIGHTS },
];

/** The values of input `index`. */
export function inputValues({ shape, kind, classes = 1 }: OpInput, index: number): Float32Array | Int32Array {
  const size = sizeOf(shape);
  switch (kind) {
    case 'unit':
      return new Float32Array(size).map((_, i) => ((i * 37 + index * 11) % 201) / 100 - 0.9);
    case 'labels':
      return new Int32Array(size).map((_, i) => (i * 7) % (classes + 1));
    case 'boxes':
      // Corners within 100 px; a second list lies a little beside the first.
      return new Float32Array(size).map(
        (_, i) => ((Math.floor(i / 4) * 13) % 50) + (i % 4 < 2 ? 0 : 40) + 3 * index + (i % 2),
      );
    case 'bytes':
      return new Int32Array(size).map((_, i) => (i * 31) % 256);
  }
}

/** @throws Error for a name that is no op's */
export function opNamed(name: string): OpSpec {
  const spec = OPS.find((op) => op.name === name);
  if (!spec) throw new Error(`no op '${name}'`);
  return spec;
}
