// `model_parity/ops.json`: anchors, coders, overlaps, losses, suppression and assignment, one by one.

import { dispose, read, sum, tensor, valueAndGrads, variable, type Tensor } from '../../src/gpu/index.ts';
import type { AnchorGenerator, MlvlPointGenerator } from '../../src/models/index.ts';
import {
  alignedOverlaps,
  ATSSAssigner,
  batchedNms,
  bboxOverlaps,
  DistancePointBBoxCoder,
  multiclassNms,
  nms,
  type Assigner,
  type BBoxCoder,
  type Loss,
  type OverlapMode,
  type Reduction,
} from '../../src/models/index.ts';
import type { RegistryKind } from '../../src/registry/index.ts';
import { decodeValue, runCases } from './compare.ts';
import { modelContext } from './modelCase.ts';
import { failed, notBuilt, passed, type FixtureCase, type ParityOutcome, type ParitySuite } from './types.ts';

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Typed {
  readonly cfg: { readonly type: string };
}
type Runner = (one: never) => ParityOutcome | Promise<ParityOutcome>;

// Results are float32 numbers printed with 7 to 9 digits; transcendental functions differ in the last bit.
const CLOSE = 1e-6;
// GPU losses: sums in another order, exp and log of the driver.
const LOSS_CLOSE = 1e-4;

const RUNNERS: Readonly<Record<string, Runner>> = {
  anchors: runAnchors,
  bbox_coder: runCoder,
  bbox_overlaps: runOverlaps,
  bbox_overlaps_aligned: runOverlaps,
  loss: runLoss,
  nms: runNms,
  multiclass_nms: runMulticlassNms,
  max_iou_assigner: runAssigner,
  atss_assigner: runAtss,
  distance_coder: runDistanceCoder,
  points: runPoints,
};

const REGISTRY_OF: Readonly<Record<string, RegistryKind>> = {
  anchors: 'PRIOR_GENERATORS',
  bbox_coder: 'BBOX_CODERS',
  loss: 'MODELS',
  max_iou_assigner: 'BBOX_ASSIGNERS',
};

function runAnchors(
  one: Typed & {
    featmap_sizes: [number, number][];
    num_base_priors: number[];
    base_anchors: Values[];
    grid: Values[];
    pad_shape: number[];
    valid_flags: number[][] | boolean[][];
  },
): ParityOutcome {
  const generator = build<AnchorGenerator>('PRIOR_GENERATORS', one.cfg);
  const flags = generator.validFlags(one.featmap_sizes, one.pad_shape);
  return firstFailure([
    diff('num_base_priors', generator.numBasePriors, one.num_base_priors, 0),
    ...one.base_anchors.map((wanted, i) =>
      diff(`base_anchors[${i}]`, generator.baseAnchors[i] ?? [], wanted.data, CLOSE),
    ),
    ...generator
      .gridPriors(one.featmap_sizes)
      .map((got, i) => diff(`grid[${i}]`, got, one.grid[i]?.data ?? [], CLOSE)),
    ...flags.map((got, i) => diff(`valid_flags[${i}]`, got, (one.valid_flags[i] ?? []).map(Number), 0)),
  ]);
}

function runCoder(
  one: Typed & {
    anchors: Values;
    gt: Values;
    encoded: Values;
    deltas: Values;
    max_shape: number[] | null;
    decoded: Values;
  },
): ParityOutcome {
  const coder = build<BBoxCoder>('BBOX_CODERS', one.cfg);
  const anchors = floats(one.anchors);
  return firstFailure([
    diff('encoded', coder.encode(anchors, floats(one.gt)), one.encoded.data, CLOSE),
    diff('decoded', coder.decode(anchors, floats(one.deltas), one.max_shape), one.decoded.data, CLOSE),
  ]);
}

function runOverlaps(one: {
  kind: string;
  mode: OverlapMode;
  a: Values;
  b: Values;
  out: Values;
}): ParityOutcome {
  const overlaps = one.kind === 'bbox_overlaps_aligned' ? alignedOverlaps : bboxOverlaps;
  return firstFailure([diff('out', overlaps(floats(one.a), floats(one.b), one.mode), one.out.data, CLOSE)]);
}

async function runLoss(
  one: Typed & {
    pred: Values;
    target: Values | Values[];
    weight: Values | null;
    avg_factor: number | null;
    reduction_override: Reduction | null;
    value: number | Values;
    grad_of_sum: Values;
  },
): Promise<ParityOutcome> {
  const loss = build<Loss<Tensor | readonly Tensor[]>>('MODELS', one.cfg);
  const source = tensor(floats(one.pred), one.pred.shape);
  const pred = variable(source);
  const targets = [one.target].flat().map((values) => targetTensor(values, one.cfg.type));
  const target = Array.isArray(one.target) ? targets : (targets[0] ?? source);
  const weight = one.weight && tensor(floats(one.weight), one.weight.shape);
  const options = { weight, avgFactor: one.avg_factor, reductionOverride: one.reduction_override };
  const {
    loss: total,
    aux,
    grads,
  } = valueAndGrads(() => {
    const value = loss.forward(pred, target, options);
    return { loss: value.size === 1 ? value : sum(value), aux: [value] };
  }, [pred]);
  const [grad] = grads;
  const wanted = typeof one.value === 'object' ? one.value.data : [one.value];
  const outcome = firstFailure([
    diff('value', aux[0] ? await read(aux[0]) : [], wanted, LOSS_CLOSE),
    grad ? diff('gradient', await read(grad), one.grad_of_sum.data, LOSS_CLOSE) : 'there is no gradient',
  ]);
  dispose([source, pred, ...targets, total, ...aux, ...(weight ? [weight] : []), ...(grad ? [grad] : [])]);
  return outcome;
}

/** Class targets are vectors of integers, everything else is a matrix, or no whole numbers. */
function targetTensor(values: Values, type: string): Tensor {
  const isLabels =
    values.shape.length === 1 && type !== 'DistributionFocalLoss' && values.data.every(Number.isInteger);
  return tensor(isLabels ? Int32Array.from(values.data) : floats(values), values.shape);
}

function runDistanceCoder(one: {
  points: Values;
  gt: Values;
  encoded: Values;
  encoded_max16: Values;
  distances: Values;
  decoded: Values;
  decoded_clip: Values;
  max_shape: number[];
}): ParityOutcome {
  const coder = new DistancePointBBoxCoder();
  const [points, gt, distances] = [floats(one.points), floats(one.gt), floats(one.distances)];
  return firstFailure([
    diff('encoded', coder.encode(points, gt), one.encoded.data, CLOSE),
    diff('encoded_max16', coder.encode(points, gt, 16, 0.1), one.encoded_max16.data, CLOSE),
    diff('decoded', coder.decode(points, distances), one.decoded.data, CLOSE),
  ]);
}

function runPoints(one: Typed & { featmap_sizes: [number, number][]; grid: Values[] }): ParityOutcome {
  const grid = build<MlvlPointGenerator>('PRIOR_GENERATORS', one.cfg).gridPriorsWithStride(one.featmap_sizes);
  return firstFailure(grid.map((got, i) => diff(`grid[${i}]`, got, one.grid[i]?.data ?? [], CLOSE)));
}

/** Positive anchors as [anchor, ground truth + 1]. */
function runAtss(one: {
  topk: number;
  anchor_cfg: Record<string, unknown>;
  featmap_sizes: [number, number][];
  gt: Values;
  gt_labels: number[];
  positive: [number, number][];
  num: number;
}): ParityOutcome {
  const generator = build<AnchorGenerator>('PRIOR_GENERATORS', {
    type: 'AnchorGenerator',
    ...one.anchor_cfg,
  });
  const levels = generator.gridPriors(one.featmap_sizes);
  const anchors = Float32Array.from(levels.flatMap((level) => [...level]));
  const counts = levels.map((level) => level.length / 4);
  const assigner = new ATSSAssigner({ topk: one.topk });
  const { gtInds } = assigner.assign(anchors, floats(one.gt), null, Int32Array.from(one.gt_labels), counts);
  const positive = [...gtInds].flatMap((k, i) => (k > 0 ? [[i, k]] : []));
  return firstFailure([
    diff('num', [gtInds.length], [one.num], 0),
    diff('positive', positive.flat(), one.positive.flat(), 0),
  ]);
}

function runNms(one: {
  boxes: Values;
  scores: number[];
  class_ids: number[];
  iou_threshold: number;
  keep: number[];
  batched_keep: number[];
  batched_dets: Values;
  class_agnostic_keep: number[];
}): ParityOutcome {
  const boxes = floats(one.boxes);
  const scores = Float32Array.from(one.scores);
  const labels = Int32Array.from(one.class_ids);
  const cfg = { type: 'nms', iou_threshold: one.iou_threshold };
  const batched = batchedNms(boxes, scores, labels, cfg);
  const dets = Array.from(batched, (i) => [...boxes.subarray(i * 4, i * 4 + 4), scores[i] ?? NaN]).flat();
  return firstFailure([
    diff('keep', nms(boxes, scores, one.iou_threshold), one.keep, 0),
    diff('batched_keep', batched, one.batched_keep, 0),
    diff('batched_dets', dets, one.batched_dets.data, CLOSE),
    diff(
      'class_agnostic_keep',
      batchedNms(boxes, scores, labels, { ...cfg, class_agnostic: true }),
      one.class_agnostic_keep,
      0,
    ),
  ]);
}

function runMulticlassNms(one: {
  boxes: Values;
  scores_incl_background_last: Values;
  score_thr: number;
  iou_threshold: number;
  max_num: number;
  dets: Values;
  labels: number[];
}): ParityOutcome {
  const { boxes, scores, labels } = multiclassNms(
    floats(one.boxes),
    floats(one.scores_incl_background_last),
    {
      numClasses: (one.scores_incl_background_last.shape[1] ?? 0) - 1,
      scoreThr: one.score_thr,
      nms: { type: 'nms', iou_threshold: one.iou_threshold },
      maxNum: one.max_num,
    },
  );
  const dets = Array.from(scores, (score, i) => [...boxes.subarray(i * 4, i * 4 + 4), score]).flat();
  return firstFailure([diff('labels', labels, one.labels, 0), diff('dets', dets, one.dets.data, CLOSE)]);
}

function runAssigner(
  one: Typed & {
    priors: Values;
    gt: Values;
    gt_labels: number[];
    gt_ignore: Values | null;
    gt_inds: number[];
    max_overlaps: number[];
    labels: number[];
  },
): ParityOutcome {
  const assigner = build<Assigner>('BBOX_ASSIGNERS', one.cfg);
  const ignore = one.gt_ignore && floats(one.gt_ignore);
  const result = assigner.assign(floats(one.priors), floats(one.gt), ignore, Int32Array.from(one.gt_labels));
  return firstFailure([
    diff('gt_inds', result.gtInds, one.gt_inds, 0),
    diff('max_overlaps', result.maxOverlaps, one.max_overlaps, CLOSE),
    diff('labels', result.labels ?? [], one.labels, 0),
  ]);
}

function build<T>(kind: RegistryKind, cfg: unknown): T {
  return modelContext().build<T>(kind, decodeValue(cfg), 'cfg');
}

function floats(values: Values): Float32Array {
  return Float32Array.from(values.data, toNumber);
}

function toNumber(value: unknown): number {
  return Number(decodeValue(value));
}

/** The first complaint, or null. Errors are relative to the largest finite value; NaN must meet NaN. */
function diff(
  where: string,
  got: ArrayLike<number>,
  wanted: readonly unknown[],
  tolerance: number,
): string | null {
  const expected = wanted.map(toNumber);
  if (got.length !== expected.length) return `${where}: ${got.length} values, wanted ${expected.length}`;
  const scale = Math.max(...expected.filter(Number.isFinite).map(Math.abs), 1e-12);
  for (const [i, value] of expected.entries()) {
    if (Object.is(got[i], value) || got[i] === value) continue;
    if (!(Math.abs((got[i] ?? NaN) - value) <= tolerance * scale))
      return `${where}[${i}]: got ${got[i]}, wanted ${value}`;
  }
  return null;
}

function firstFailure(complaints: readonly (string | null)[]): ParityOutcome {
  const complaint = complaints.find((text) => text !== null);
  return complaint ? failed(complaint) : passed;
}

function runOp(one: FixtureCase): ParityOutcome | Promise<ParityOutcome> {
  const kind = String(one.kind);
  const runner = RUNNERS[kind];
  if (!runner) return notBuilt(kind);
  const registry = REGISTRY_OF[kind];
  const { type } = (one as unknown as Partial<Typed>).cfg ?? {};
  if (registry && type !== undefined && !modelContext().registries[registry].has(type)) return notBuilt(type);
  return runner(one as never);
}

/** Every kind that exists here. */
export const suite: ParitySuite = {
  files: ['ops.json'],
  needsGpu: true,
  run: (fixture, file) => runCases(fixture, file, runOp),
};
