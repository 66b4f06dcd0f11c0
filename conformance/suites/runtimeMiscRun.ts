// runtime_misc.json, the kinds that train: a tiny model on the GPU, its whole state noted after every iteration.

import {
  add,
  dispose,
  matMul,
  mean,
  reshape,
  square,
  sub,
  tensor,
  valueAndGrads,
  type Tensor,
} from '../../src/gpu/index.ts';
import { BatchNorm2d, Module, Parameter } from '../../src/nn/index.ts';
import { SGD } from '../../src/optim/index.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import type { BaseRunner } from '../../src/runner/baseRunner.ts';
import type { BatchLoader, RunnableModel, StepOutputs } from '../../src/runner/runnerTypes.ts';
import { EpochBasedRunner } from '../../src/runner/epochBasedRunner.ts';
import { Hook } from '../../src/runner/hooks/hook.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import { createLogger } from '../../src/runner/logger.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { registerTrainingHooks } from '../../src/plan/trainingHooks.ts';
import { decodeValue, diffNumbers } from './compare.ts';
import { MISC_CODES } from './miscCase.ts';
import { judgeThrown, notRaised } from './raised.ts';
import { failed, passed, type FixtureCase, type ParityOutcome } from './types.ts';

interface Row {
  readonly at: string;
  readonly epoch?: number;
  readonly iter?: number;
  readonly state: Readonly<Record<string, number | readonly number[]>>;
  readonly grad_norm?: number | null;
}

export interface TrainingCase extends FixtureCase {
  readonly runner: string;
  readonly max_epochs?: number;
  readonly max_iters?: number;
  readonly train_len: number;
  readonly use_bn?: boolean;
  readonly optimizer_config?: unknown;
  readonly custom_hooks?: unknown;
  readonly out?: { readonly rows: readonly Row[]; readonly warnings: readonly (readonly [string, string])[] };
  readonly error?: { readonly type: string };
}

/** The fixture is float64; float32 on the GPU differs by rounding, which a dozen steps add up. */
const TOLERANCE = 2e-6;

class Linear extends Module {
  readonly weight = this.addParameter('weight', new Parameter([1, 2], 'linear'));
  readonly bias = this.addParameter('bias', new Parameter([1]));
}

/** The header's model: y = fc(x), or its batch norm; loss = mean((y - 1)^2). */
class TinyModel extends Module implements RunnableModel {
  readonly fc = this.addModule('fc', new Linear());
  readonly bn = this.addModule('bn', new BatchNorm2d({ numFeatures: 1 }));
  readonly #useBn: boolean;
  #step = 0;

  constructor(useBn: boolean) {
    super();
    this.#useBn = useBn;
    this.fc.weight.fromTorch(Float32Array.of(0.5, -0.25));
    this.fc.bias.fromTorch(Float32Array.of(0.1));
  }

  trainStep(): StepOutputs {
    const factor = 1 + 0.1 * this.#step++;
    const input = [1, 2, 3, -1, 0.5, 0.5].map((v) => v * factor);
    const parameters = this.parameters();
    const { loss, grads } = valueAndGrads(
      () => ({ loss: this.#loss(tensor(input, [3, 2])) }),
      parameters.map((p) => p.variable),
    );
    const byParameter = new Map<Parameter, Tensor>();
    for (const [i, parameter] of parameters.entries()) {
      const grad = grads[i];
      if (grad) byParameter.set(parameter, grad);
    }
    const values = reshape(loss, [1]);
    dispose(loss);
    return { logVars: { names: ['loss'], values }, numSamples: 3, grads: byParameter };
  }

  valStep(): StepOutputs {
    return this.trainStep();
  }

  #loss(x: Tensor): Tensor {
    const y = add(matMul(x, this.fc.weight.variable), this.fc.bias.variable);
    const out = this.#useBn ? this.bn.forward(reshape(y, [3, 1, 1, 1])) : y;
    return mean(square(sub(out, 1)));
  }
}

/** Notes the model's whole state, behind every other hook. */
class StateRecorder extends Hook {
  readonly rows: Row[] = [];

  override async beforeTrainEpoch(runner: BaseRunner): Promise<void> {
    this.rows.push({ at: 'before_train_epoch', epoch: runner.epoch, state: await stateOf(runner) });
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    this.rows.push({ at: 'after_train_epoch', epoch: runner.epoch, state: await stateOf(runner) });
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    const { logBuffer, iter } = runner;
    await logBuffer.resolve();
    logBuffer.average(1);
    const norm = logBuffer.output.get('grad_norm');
    const state = await stateOf(runner);
    this.rows.push({
      at: 'after_train_iter',
      iter,
      state,
      grad_norm: typeof norm === 'number' ? norm : null,
    });
    // The history stays: the fixture tells the last norm that was logged.
    logBuffer.clearOutput();
  }
}

async function stateOf({ model }: BaseRunner): Promise<Row['state']> {
  const state: Record<string, number | number[]> = {};
  if (!(model instanceof Module)) return state;
  for (const [name, { data, shape }] of await model.stateDict()) {
    const values = Array.from(data as ArrayLike<number | bigint>, Number);
    state[name] = shape.length === 0 ? (values[0] ?? NaN) : values;
  }
  return state;
}

/** Train with a case's hooks and compare every state on the way. */
export async function runTraining(one: TrainingCase): Promise<ParityOutcome> {
  const fs = createMemoryFs();
  const warnings: string[] = [];
  const logger = createLogger(fs, 'w/t.log', (event) => {
    const text = event.name === 'run.logged' ? /- WARNING - (.*)$/s.exec(event.line)?.[1] : undefined;
    if (text !== undefined) warnings.push(text);
  });
  const model = new TinyModel(one.use_bn ?? false);
  const optimizer = new SGD({ params: model.parameters(), lr: 0.05, momentum: 0.9 });
  const options = { model, optimizer, fs, workDir: 'w', timestamp: 't', logger };
  const runner =
    one.runner === 'IterBasedRunner'
      ? new IterBasedRunner({ ...options, maxIters: one.max_iters })
      : new EpochBasedRunner({ ...options, maxEpochs: one.max_epochs });
  const context = new BuildContext(createRunRegistries(), {
    fs,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: (message) => logger.warning(message),
  });
  const recorder = new StateRecorder();
  const loader: BatchLoader = {
    length: one.train_len,
    async *epoch(_epoch, start = 0) {
      for (let i = start; i < one.train_len; i++) yield i;
    },
  };
  try {
    const optimizerConfig = decodeValue(one.optimizer_config ?? {});
    const customHooks = decodeValue(one.custom_hooks ?? []);
    registerTrainingHooks(runner, { optimizer_config: optimizerConfig, custom_hooks: customHooks }, context);
    runner.registerHook(recorder, 'LOWEST');
    await runner.run([loader], [['train', 1]]);
  } catch (error) {
    return judgeThrown(error, one, MISC_CODES);
  } finally {
    runner.logBuffer.clear();
    optimizer.dispose();
    model.dispose();
  }
  if (!one.out) return notRaised(one);
  return compareRows(recorder.rows, one.out.rows) ?? compareWarnings(warnings, one.out.warnings) ?? passed;
}

function compareRows(got: readonly Row[], wanted: readonly Row[]): ParityOutcome | undefined {
  if (got.length !== wanted.length) return failed(`rows: got ${got.length}, wanted ${wanted.length}`);
  for (const [i, row] of wanted.entries()) {
    const { at, epoch, iter, state, grad_norm: norm = null } = row;
    const where = `${at} ${iter ?? epoch}`;
    const mine = got[i];
    if (!mine) return failed(`row ${i} is missing`);
    if (mine.at !== at || mine.epoch !== epoch || mine.iter !== iter)
      return failed(`row ${i}: got ${mine.at} ${mine.iter ?? mine.epoch}, wanted ${where}`);
    const names = Object.keys(state).sort();
    if (names.join() !== Object.keys(mine.state).sort().join())
      return failed(`${where}: got ${Object.keys(mine.state).join()}, wanted ${names.join()}`);
    const difference =
      diffNumbers(where, mine.state, state, TOLERANCE) ??
      diffNumbers(`${where} grad_norm`, mine.grad_norm ?? null, norm, TOLERANCE);
    if (difference) return difference;
  }
  return undefined;
}

function compareWarnings(
  got: readonly string[],
  wanted: readonly (readonly [string, string])[],
): ParityOutcome | undefined {
  const texts = wanted.filter(([level]) => level === 'WARNING').map(([, text]) => text);
  if (JSON.stringify(got) === JSON.stringify(texts)) return undefined;
  return failed(`warnings: got ${JSON.stringify(got)}, wanted ${JSON.stringify(texts)}`);
}
