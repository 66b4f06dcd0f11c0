// Slips that people make in configs, through the whole plan: each is told at the key or value that is wrong.

import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { planRun } from './plan.ts';
import { shipped } from './testing/planText.ts';

const SHAPES = 'configs/shapes/retinanet_tiny_shapes.py';
const PATH = `workspace/${SHAPES}`;
const TEXT = shipped(SHAPES);

function plan(text: string): ReturnType<typeof planRun> {
  const runtime = 'configs/_base_/default_runtime.py';
  const fs = createMemoryFs({ [PATH]: text, [`workspace/${runtime}`]: shipped(runtime) });
  return planRun({
    fs,
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    configPath: PATH,
  });
}

type Severity = 'error' | 'warning';
/** What stands in the shipped config, what is written instead, the part of it that is wrong, and how bad that is. */
type Slip = readonly [right: string, wrong: string, marked: string, severity: Severity];

const SLIPS: readonly Slip[] = [
  // Misspelt keys, at every depth.
  ['optimizer = dict(', 'optimzer = dict(', 'optimzer', 'warning'],
  ['log_config = dict(interval=10)', 'log_confg = dict(interval=10)', 'log_confg', 'warning'],
  ['samples_per_gpu=8', 'sample_per_gpu=8', 'sample_per_gpu', 'warning'],
  ['num_images=320', 'num_image=320', 'num_image', 'error'],
  ['depth=18', 'dept=18', 'dept', 'error'],
  ["norm_cfg=dict(type='BN'", "norm_cfg=dict(typ='BN'", 'typ', 'error'],
  ['octave_base_scale=3', 'octave_base_scal=3', 'octave_base_scal', 'error'],
  ['gamma=2.0', 'gama=2.0', 'gama', 'error'],
  ['pos_iou_thr=0.5', 'pos_iou=0.5', 'pos_iou', 'error'],
  ['iou_threshold=0.5', 'iou_treshold=0.5', 'iou_treshold', 'error'],
  ['score_thr=0.05', 'score_tr=0.05', 'score_tr', 'warning'],
  ['flip_ratio=0.5', 'flip_raito=0.5', 'flip_raito', 'error'],
  ['norm_decay_mult=0.0', 'norm_decay_mul=0.0', 'norm_decay_mul', 'warning'],
  ['max_norm=35', 'max_nrm=35', 'max_nrm', 'error'],
  ['warmup_iters=50', 'warmup_iter=50', 'warmup_iter', 'error'],
  ["policy='CosineAnnealing'", "polcy='CosineAnnealing'", 'polcy', 'error'],
  ['max_keep_ckpts=3', 'max_keep_ckpt=3', 'max_keep_ckpt', 'error'],
  // Types that there aren't.
  ["type='RetinaNet'", "type='RetinaNett'", "'RetinaNett'", 'error'],
  [
    "type='Pad', size_divisor=32),\n    dict(type='Def",
    "type='Padd', size_divisor=32),\n    dict(type='Def",
    "'Padd'",
    'error',
  ],
  ["type='AdamW'", "type='AdamWW'", "'AdamWW'", 'error'],
  ["policy='CosineAnnealing'", "policy='CosineAnealing'", "'CosineAnealing'", 'error'],
  // Wrong kinds.
  ['lr=0.003', "lr='0.003'", "'0.003'", 'error'],
  ['frozen_stages=-1', "frozen_stages='all'", "'all'", 'error'],
  ['strides=[8, 16, 32, 64]', 'strides=8', '8', 'error'],
  ['out_indices=(0, 1, 2, 3)', 'out_indices=3', '3', 'error'],
  // Values out of range.
  ['samples_per_gpu=8', 'samples_per_gpu=0', '0', 'error'],
  ['workers_per_gpu=1', 'workers_per_gpu=-1', '-1', 'error'],
  ['betas=(0.9, 0.999)', 'betas=(0.9, 1.999)', '(0.9, 1.999)', 'error'],
  ['max_epochs=15', 'max_epochs=0', '0', 'error'],
  ['seed = 0', 'seed = 1e300', '1e300', 'error'],
  // Sizes and settings that clash, or never act.
  ['num_classes=3', 'num_classes=4', '4', 'error'],
  ['log_config = dict(interval=10)', 'log_config = dict(interval=500)', '500', 'warning'],
  ['evaluation = dict(interval=3', 'evaluation = dict(interval=30', '30', 'warning'],
  ["metric='bbox'", "metric='bboxes'", "'bboxes'", 'error'],
  // MMDetection 3.x.
  [
    'runner = dict(',
    'train_cfg = dict(by_epoch=True, max_epochs=15)\nrunner = dict(',
    'train_cfg',
    'warning',
  ],
  ['seed = 0', "optim_wrapper = dict(type='OptimWrapper')\nseed = 0", 'optim_wrapper', 'warning'],
];

test.each(SLIPS)(
  '%j -> %j is told at %j',
  async (right, wrong, marked, severity) => {
    expect(TEXT).toContain(right);
    const text = TEXT.replace(right, wrong);
    const from = text.indexOf(marked, text.indexOf(wrong));
    const { problems } = await plan(text);
    const told = problems.map(({ span, ...problem }) => ({
      ...problem,
      marks: span && text.slice(span.from, span.to),
    }));
    expect(told).toContainEqual(
      expect.objectContaining({ severity, marks: expect.stringContaining(marked) }),
    );
    const place = problems.find(
      ({ span, ...one }) => one.severity === severity && span?.file === PATH && span.from === from,
    );
    expect(place, JSON.stringify(told)).toBeDefined();
  },
  120_000,
);

test('the shipped config has no problem', async () => {
  expect((await plan(TEXT)).problems).toEqual([]);
});
