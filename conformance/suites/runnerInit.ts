// runtime_misc.json, runner_init: what a runner refuses to be made of. The description tells in words which argument has which value:
// 'logger None', 'meta is a list', 'run with max_epochs None'.

import type { RunnerOptions } from '../../src/runner/runnerTypes.ts';
import { EpochBasedRunner } from '../../src/runner/epochBasedRunner.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import { Tuple } from '../../src/util/tuple.ts';
import { SGD } from '../../src/optim/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import { orError, runnerOptions, type MiscCase } from './miscCase.ts';
import { failed, type ParityOutcome } from './types.ts';

/** MMCV's arguments that our runners have, or refuse. */
const ARGUMENTS = {
  logger: 'logger',
  optimizer: 'optimizer',
  meta: 'meta',
  work_dir: 'workDir',
  batch_processor: 'batchProcessor',
} as const;

/** Values as the descriptions and MMCV's messages name them. */
const VALUES: readonly (readonly [RegExp, () => unknown])[] = [
  [
    /dict (of|with) optimizers|several optimizers/,
    () => ({ a: new SGD({ params: [new Parameter([1])], lr: 1 }) }),
  ],
  [/\b(None|NoneType)\b/, () => null],
  [/\bdict\b|optimizer\["/, () => ({ a: 'SGD' })],
  [/\btuple\b/, () => Tuple.of(1)],
  [/\blist\b/, () => []],
  [/\b(string|str)\b/, () => 'SGD'],
  [/\b(number|int|integer|callable)\b|\d/, () => 3],
];

export function runRunnerInit(one: MiscCase): ParityOutcome | Promise<ParityOutcome> {
  const options = changedOptions(one);
  const { description = '' } = one;
  if (!options) return failed(`it isn't known what is given: ${description}`);
  const Runner = /IterBased|max_iters None/.test(description) ? IterBasedRunner : EpochBasedRunner;
  return orError({ ...one, out: null }, async () => {
    const runner = new Runner(options);
    if (!isRun(description)) return null;
    const loader = { length: 1, epoch: () => Promise.reject(new Error('not used')) as never };
    await runner.run([loader], [['train', 1]]);
    return null;
  });
}

/** Nothing is wrong with what the runner is made of, but it doesn't know how long to run. */
const isRun = (description: string): boolean => /\brun\b.*None/.test(description);

/** @returns null where neither the description nor MMCV's message is understood */
function changedOptions({ id, description = '', error }: MiscCase): RunnerOptions | null {
  const options = runnerOptions();
  if (isRun(description)) return options;
  const message = error?.observed_message ?? '';
  const text = `${id} ${description} ${message}`;
  const { trainStep: _, ...stepless } = options.model;
  if (/both/.test(text) && text.includes('batch_processor'))
    return { ...options, batchProcessor: () => undefined } as RunnerOptions;
  if (/both|only one/i.test(text) && /max_(epochs|iters)/.test(text))
    return { ...options, maxEpochs: 1, maxIters: 1 };
  if (/(without|no)[ _]train_step/.test(text))
    return { ...options, model: stepless as RunnerOptions['model'] };
  // A message names other types before the one that it got.
  const got = /optimizer\["\w+"\]|but got .*$/.exec(message)?.[0] ?? '';
  for (const [argument, value] of [
    [description, description],
    [`${id} ${description} ${message}`, `${description} ${got}`],
  ] as const) {
    const named = Object.entries(ARGUMENTS).find(([name]) => argument.includes(name));
    const given = VALUES.find(([pattern]) => pattern.test(value));
    if (named && given) return { ...options, [named[1]]: given[1]() };
  }
  return null;
}
