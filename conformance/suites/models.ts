// `model_parity/models.json`: losses, gradients, buffers and predictions of whole detectors with formula weights.

import { dispose, read, tidy, type Tensor } from '../../src/gpu/index.ts';
import {
  uploadImages,
  type BboxResult,
  type SingleStageDetector,
  type StepOutputs,
  type TrainBatch,
} from '../../src/models/index.ts';
import { runCases } from './compare.ts';
import {
  buildDetector,
  diffStats,
  fixtureBatch,
  gradientToTorch,
  missingType,
  norm2,
  PlainSgd,
  relativeError,
  setFormulaWeights,
  toNchw,
  type TensorStats,
} from './modelCase.ts';
import { failed, notBuilt, passed, type ParityOutcome, type ParitySuite } from './types.ts';
import { formulaInput, formulaWeights } from './weightFormula.ts';

// fixtures/README: float32 against float64 differs by 1e-7 to 1e-6; losses 1e-4, gradient norms 1e-3.
const LOSS_TOLERANCE = 1e-4;
const NORM_TOLERANCE = 1e-3;
const STATS_TOLERANCE = 1e-4;

interface FixtureDetections {
  readonly bboxes: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly total: number;
}

interface ModelCase {
  readonly id: string;
  readonly input: { readonly shape: readonly number[]; readonly name: string };
  readonly gt_bboxes: readonly (readonly (readonly number[])[])[];
  readonly gt_labels: readonly (readonly number[])[];
  readonly model_cfg: Readonly<Record<string, unknown>>;
  readonly weights_check: Readonly<Record<string, TensorStats>>;
  /** One number, or one per level. */
  readonly losses: Readonly<Record<string, number | readonly number[]>>;
  readonly log_vars: Readonly<Record<string, number>>;
  readonly grad_norms: Readonly<Record<string, number | null>>;
  readonly total_grad_norm: number;
  readonly grad_samples: Readonly<Record<string, TensorStats>>;
  readonly bn_buffers_after_train_forward: Readonly<Record<string, TensorStats>>;
  readonly 'loss_after_one_sgd_step_lr0.001_mom0.9_wd1e-4': number;
  readonly backbone_out: readonly TensorStats[];
  readonly neck_out: readonly TensorStats[];
  readonly head_out: readonly (readonly TensorStats[])[];
  readonly 'eval_detections_score_thr_0.02': readonly FixtureDetections[];
}

/** The first complaint of a case ends it. */
class Mismatch extends Error {}

function check(complaint: string | null): void {
  if (complaint !== null) throw new Mismatch(complaint);
}

function checkRelative(where: string, got: number, wanted: number, tolerance: number): void {
  const error = relativeError(got, wanted);
  if (!(error <= tolerance))
    check(`${where}: got ${got}, wanted ${wanted} (relative error ${error.toExponential(1)})`);
}

async function runModelCase(one: ModelCase): Promise<ParityOutcome> {
  const missing = missingType(one.model_cfg);
  if (missing !== null) return notBuilt(missing);
  const model = buildDetector(withScoreThreshold(one.model_cfg, 0.02));
  try {
    for (const [name, wanted] of Object.entries(one.weights_check))
      check(diffStats(`formula ${name}`, formulaWeights(name, wanted.shape), wanted.shape, wanted, 1e-7));
    const batch = fixtureBatch(
      formulaInput(one.input.name, one.input.shape),
      one.input.shape,
      one.gt_bboxes,
      one.gt_labels,
    );
    await checkTraining(model, batch, one);
    await checkEvaluation(model, batch, one);
    return passed;
  } catch (error) {
    if (error instanceof Mismatch) return failed(error.message);
    throw error;
  } finally {
    model.dispose();
  }
}

async function checkTraining(model: SingleStageDetector, batch: TrainBatch, one: ModelCase): Promise<void> {
  setFormulaWeights(model);
  model.train();
  await checkLevelLosses(model, batch, one);
  setFormulaWeights(model);
  const outputs = model.trainStep(batch);
  await checkLogVars(outputs, one.log_vars);
  await checkBuffers(model, one);
  await checkGradients(model, outputs, one);
  const sgd = new PlainSgd({ lr: 0.001, momentum: 0.9, weightDecay: 1e-4 });
  sgd.step(outputs.grads ?? new Map());
  sgd.dispose();
  const after = model.trainStep(batch);
  dispose([...(after.grads ?? new Map<unknown, Tensor>()).values()]);
  const loss = await lastValue(after.logVars.values);
  checkRelative(
    'loss after one SGD step',
    loss,
    one['loss_after_one_sgd_step_lr0.001_mom0.9_wd1e-4'],
    LOSS_TOLERANCE,
  );
}

async function checkLevelLosses(
  model: SingleStageDetector,
  batch: TrainBatch,
  one: ModelCase,
): Promise<void> {
  const found: [string, number, Tensor][] = [];
  const owned = tidy(() => {
    const losses = model.bboxHead.loss(model.bboxHead.forward(model.extractFeat(uploadImages(batch))), batch);
    for (const [name, levels] of losses)
      [levels].flat().forEach((level: Tensor, i) => found.push([name, i, level]));
    return found.map(([, , level]) => level);
  });
  for (const [name, i, level] of found) {
    const [value = NaN] = await read(level);
    checkRelative(`losses.${name}[${i}]`, value, [one.losses[name] ?? NaN].flat()[i] ?? NaN, LOSS_TOLERANCE);
  }
  dispose(owned);
}

async function checkLogVars(outputs: StepOutputs, wanted: Readonly<Record<string, number>>): Promise<void> {
  const { names, values } = outputs.logVars;
  const order = Object.keys(wanted).join();
  if (names.join() !== order) check(`log_vars are ${names.join()}, wanted ${order}`);
  const got = await read(values);
  dispose(values);
  names.forEach((name, i) =>
    checkRelative(`log_vars.${name}`, got[i] ?? NaN, wanted[name] ?? NaN, LOSS_TOLERANCE),
  );
}

async function checkBuffers(model: SingleStageDetector, one: ModelCase): Promise<void> {
  const state = await model.stateDict();
  for (const [name, wanted] of Object.entries(one.bn_buffers_after_train_forward)) {
    const entry = state.get(name);
    if (!entry) check(`the model has no buffer ${name}`);
    else check(diffStats(name, Float32Array.from(entry.data, Number), entry.shape, wanted, STATS_TOLERANCE));
  }
}

async function checkGradients(
  model: SingleStageDetector,
  outputs: StepOutputs,
  one: ModelCase,
): Promise<void> {
  const largest = Math.max(...Object.values(one.grad_norms).map((norm) => norm ?? 0));
  const names = model.namedParameters();
  const wantedNames = Object.keys(one.grad_norms).join();
  if (names.map(([name]) => name).join() !== wantedNames)
    check('parameters have other names or another order');
  let square = 0;
  for (const [name, parameter] of names) {
    const grad = outputs.grads?.get(parameter);
    const wanted = one.grad_norms[name] ?? null;
    if (!grad || wanted === null) {
      if (grad || wanted !== null) check(`gradient of ${name}: ${grad ? 'one' : 'none'}, wanted ${wanted}`);
      continue;
    }
    const values = await gradientToTorch(grad, parameter, read);
    const norm = norm2(values);
    square += norm * norm;
    if (wanted > largest * 1e-6) checkRelative(`gradient norm of ${name}`, norm, wanted, NORM_TOLERANCE);
    const sample: TensorStats | undefined = one.grad_samples[name];
    if (sample) check(diffStats(`gradient of ${name}`, values, parameter.shape, sample, NORM_TOLERANCE));
  }
  checkRelative('total gradient norm', Math.sqrt(square), one.total_grad_norm, NORM_TOLERANCE);
}

async function checkEvaluation(model: SingleStageDetector, batch: TrainBatch, one: ModelCase): Promise<void> {
  setFormulaWeights(model);
  model.eval();
  const stages: [string, Tensor[], readonly TensorStats[]][] = [];
  const owned = tidy(() => {
    const features = model.backbone.forward(uploadImages(batch));
    const necks = model.neck ? model.neck.forward(features) : features;
    const head = model.bboxHead.forward(necks);
    stages.push(['backbone', features, one.backbone_out], ['neck', necks, one.neck_out]);
    for (const [i, levels] of head.entries())
      stages.push([`head output ${i}`, [...levels], one.head_out[i] ?? []]);
    return stages.flatMap(([, tensors]) => tensors);
  });
  for (const [stage, tensors, wanted] of stages) {
    if (tensors.length !== wanted.length)
      check(`${stage}: ${tensors.length} levels, wanted ${wanted.length}`);
    for (const [i, level] of tensors.entries()) {
      const [b = 0, h = 0, w = 0, c = 0]: readonly number[] = level.shape;
      const values = toNchw(Float32Array.from(await read(level)), [b, h, w, c]);
      const stats = wanted[i];
      if (stats) check(diffStats(`${stage}[${i}]`, values, [b, c, h, w], stats, STATS_TOLERANCE));
    }
  }
  dispose(owned);
  const results = await model.simpleTest(batch, { rescale: false });
  for (const [i, result] of results.entries()) {
    const detections = one['eval_detections_score_thr_0.02'][i];
    check(detections ? diffDetections(i, result, detections) : `there is a picture ${i}`);
  }
}

/** Boxes within 0.01 px and scores within 1e-4; detections of nearly equal score may change places. */
function diffDetections(image: number, result: BboxResult, wanted: FixtureDetections): string | null {
  const found = result.flatMap((rows, label) =>
    Array.from({ length: rows.length / 5 }, (_, i) => ({ label, row: rows.subarray(i * 5, i * 5 + 5) })),
  );
  if (found.length !== wanted.total)
    return `picture ${image}: ${found.length} detections, wanted ${wanted.total}`;
  for (const [i, row] of wanted.bboxes.entries()) {
    const match = found.findIndex(
      (d) =>
        d.label === wanted.labels[i] &&
        row.every((v, k) => Math.abs((d.row[k] ?? NaN) - v) <= (k < 4 ? 0.01 : 1e-4)),
    );
    if (match < 0)
      return `picture ${image}: no detection like ${row.join(', ')} of class ${wanted.labels[i]}`;
    found.splice(match, 1);
  }
  return null;
}

async function lastValue(values: Tensor): Promise<number> {
  const got = await read(values);
  dispose(values);
  return got.at(-1) ?? NaN;
}

function withScoreThreshold(modelCfg: Readonly<Record<string, unknown>>, threshold: number): unknown {
  return { ...modelCfg, test_cfg: { ...(modelCfg.test_cfg as object), score_thr: threshold } };
}

/** Detectors whose classes are all built. */
export const suite: ParitySuite = {
  files: ['models.json'],
  needsGpu: true,
  run: (fixture, file) => runCases(fixture, file, (one) => runModelCase(one as unknown as ModelCase)),
};
