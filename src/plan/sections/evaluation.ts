// `evaluation`: what EvalHook takes, and what the data set's `evaluate` does.

import { EVALUATE_ARGS } from '../../datasets/evaluateBoxes.ts';
import { absent, anything, atLeast, declareArgs, int, type Arg } from '../../registry/args/index.ts';
import { EVAL_HOOK_ARGS } from '../../runner/hooks/evaluation.ts';

/** EvalHook's and DistEvalHook's arguments that there is nothing to do with. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  test_fn: 'the detector itself is run',
  file_client_args: 'the best checkpoint goes to the storage of the work dir',
  broadcast_bn_buffer: 'there is one device',
  tmpdir: 'there is one device',
  gpu_collect: 'there is one device',
};

/** Of EvalHook in a config, whose interval counts epochs or iterations. */
export const HOOK_ARGS = declareArgs({
  ...EVAL_HOOK_ARGS.table,
  interval: { ...EVAL_HOOK_ARGS.table.interval, kind: atLeast(int, 1) },
});

const withoutEffect = Object.entries(WITHOUT_EFFECT).map(([key, why]): [string, Arg<unknown>] => [
  key,
  absent(anything, `Changes nothing: ${why}.`),
]);

export const EVALUATION_ARGS = declareArgs(
  { ...HOOK_ARGS.table, ...EVALUATE_ARGS.table, ...Object.fromEntries(withoutEffect) },
  // A data set of one's own may take anything.
  { unread: 'slips', known: ['logger', 'priority', 'type', 'use_legacy_coordinate'] },
);
