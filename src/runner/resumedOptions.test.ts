import { expect, test } from 'vitest';
import { differenceTexts, optionDifferences } from './resumedOptions.ts';

const STILL = { lr: false, momentum: false };

test('what a schedule has moved is no difference, what the config changed is one, by group', () => {
  const saved = [
    { lr: 0.002, initial_lr: 0.02, betas: [0.85, 0.999], initial_momentum: 0.9, weight_decay: 0.1 },
    { lr: 0.002, initial_lr: 0.02, betas: [0.85, 0.999], initial_momentum: 0.9, weight_decay: 0 },
  ];
  const group = { lr: 0.02, betas: [0.9, 0.999] };
  const same = [
    { ...group, weight_decay: 0.1 },
    { ...group, weight_decay: 0 },
  ];
  expect(optionDifferences(same, null, saved, STILL)).toEqual([]);
  const other = [
    { ...group, weight_decay: 0.2 },
    { ...group, weight_decay: 0 },
  ];
  expect(differenceTexts(optionDifferences(other, null, saved, STILL), 2)).toEqual([
    expect.stringMatching(
      /^optimizer\.weight_decay=0\.2 has no effect in 1 of 2 parameter groups: the resumed optimizer has 0\.1; load_from takes the weights only/,
    ),
  ]);
});

test("a checkpoint that tells what its own run was set to is compared with that, and OneCycle's start isn't the config's", () => {
  const moved = [{ lr: 0.5, initial_lr: 0.004, momentum: 0.95, base_momentum: 0.85 }];
  const configured = [{ lr: 0.1, momentum: 0.9 }];
  expect(optionDifferences(configured, configured, moved, STILL)).toEqual([]);
  expect(optionDifferences(configured, null, moved, { lr: true, momentum: true })).toEqual([]);
});
