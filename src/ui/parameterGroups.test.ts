import { expect, test } from 'vitest';
import type { Plan } from '../worker/protocol.ts';
import { groupByModule, parameterRows, settingsOf } from './parameterGroups.ts';

test('tensors are gathered by the first two parts of their names', () => {
  const rows = [
    'backbone.conv1.weight',
    'backbone.layer1.0.bn1.weight',
    'backbone.layer1.0.bn1.bias',
    'scale',
  ].map((name) => ({ name, shape: [2, 3], dtype: 'float32' }));
  expect(groupByModule(rows).map((g) => [g.name, g.rows.length, g.count])).toEqual([
    ['backbone.conv1', 1, 6],
    ['backbone.layer1', 2, 12],
    ['scale', 1, 6],
  ]);
});

const group = { tensorCount: 1, valueCount: 4, rules: [], momentum: null, betas: null };
const parameter = { shape: [4], count: 4, frozenBy: null };
const PLAN: Pick<Plan, 'groups' | 'parameters'> = {
  groups: [
    { ...group, lr: 0.02, weightDecay: 0.0001, momentum: 0.9 },
    { ...group, lr: 0.02, weightDecay: 0, momentum: 0.9 },
    { ...group, lr: 0.002, weightDecay: null, betas: [0.9, 0.999] },
  ],
  parameters: [
    { ...parameter, name: 'a.weight', group: 0, rule: 'default', frozenBy: 'frozen_stages=1' },
    { ...parameter, name: 'b.weight', group: 0, rule: 'default' },
    { ...parameter, name: 'b.bn.weight', group: 1, rule: 'norm_decay_mult=0' },
    { ...parameter, name: 'b.bn.bias', group: 1, rule: 'norm_decay_mult=0' },
    { ...parameter, name: 'c.weight', group: 2, rule: "custom_keys['c']: lr_mult=0.1" },
    { ...parameter, name: 'd.weight', group: null, rule: 'Mine' },
  ],
};

test('each parameter shows what it trains with; frozen ones and those of no group train with nothing', () => {
  const rows = parameterRows(PLAN).map((r) => [r.name, r.lr, r.weightDecay, r.momentum, r.decidedBy]);
  expect(rows).toEqual([
    ['a.weight', 'frozen', '–', '–', 'frozen_stages=1'],
    ['b.weight', '0.02', '1e-4', '0.9', 'default'],
    ['b.bn.weight', '0.02', '0', '0.9', 'norm_decay_mult=0'],
    ['b.bn.bias', '0.02', '0', '0.9', 'norm_decay_mult=0'],
    ['c.weight', '0.002', '–', '(0.9, 0.999)', "custom_keys['c']: lr_mult=0.1"],
    ['d.weight', '–', '–', '–', 'Mine: not in the optimizer'],
  ]);
});

test('totals of what trains alike; frozen ones come last', () => {
  expect(settingsOf(parameterRows(PLAN)).map((s) => [s.decidedBy, s.tensors, s.values])).toEqual([
    ['default', 1, 4],
    ['norm_decay_mult=0', 2, 8],
    ["custom_keys['c']: lr_mult=0.1", 1, 4],
    ['Mine: not in the optimizer', 1, 4],
    ['frozen_stages=1', 1, 4],
  ]);
});
