import { absent, atLeast, declareArgs, hinted, int, orNone } from '../registry/args/index.ts';

const count = orNone(atLeast(int, 1));

/** What a config's `runner` says to the runner's class; the rest of its options comes from whoever builds it. */
export const RUNNER_ARGS = declareArgs({
  max_epochs: absent(
    hinted(count, "write runner = dict(type='EpochBasedRunner', max_epochs=12)"),
    'How long an EpochBasedRunner trains.',
    'epochs',
  ),
  max_iters: absent(
    hinted(count, "write runner = dict(type='IterBasedRunner', max_iters=90000)"),
    'How long an IterBasedRunner trains.',
    'iterations',
  ),
});
