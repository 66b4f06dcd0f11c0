import { expect, test } from 'vitest';
import { compatCfg, loadConfig, parseCfgOptions, replaceCfgVals } from '../config/index.ts';
import { expandDatasetCfg } from '../datasets/expandCfg.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';

const BASE = `\
optimizer = dict(type='SGD', lr=0.1)
data = {'imgs_per_gpu': 2, 'train': dict(type='A', ann_file=['x', 'y'])}
total_epochs = 3
size = dict(w=8)
`;
const CHILD = `\
_base_ = './base.py'
optimizer = dict(lr=0.2, paramwise_cfg=dict(custom_keys={'backbone.stem': dict(lr_mul=0.1)}))
data = dict()
data["train"] = dict(size={{_base_.size}}, width='\${size.w}')
for name in ['log', 'eval']:
    globals()[name + '_x'] = 1
rest = dict(optimizer, extra=1) | dict(more=2)
rest.update([('pair', 3)], named=4)
rest.setdefault('last', 5)
`;

async function resolved(
  files: Readonly<Record<string, string>>,
  main: string,
  options?: readonly string[],
): Promise<{ dict: Record<string, unknown>; textAt: (path: string, at: 'key' | 'value') => string }> {
  const { config, diagnostics } = await loadConfig(main, (path) => Promise.resolve(files[path] ?? null), {
    cfgOptions: options && parseCfgOptions(options),
  });
  if (!config) throw new Error(diagnostics.map((d) => d.message).join());
  const { dict } = compatCfg(replaceCfgVals(config.dict));
  return {
    dict,
    textAt: (path, at) => {
      const span = spanOfPath(dict, path, at);
      const text = span && (files[span.file] ?? options?.find((o) => o.length >= span.to) ?? '');
      return span ? `${span.file}: ${text?.slice(span.from, span.to) ?? ''}` : 'nowhere';
    },
  };
}

const keys: [string, string][] = [
  ['optimizer', 'child.py: optimizer'],
  ['optimizer.type', 'base.py: type'],
  ['optimizer.lr', 'child.py: lr'],
  ["optimizer.paramwise_cfg.custom_keys['backbone.stem']", "child.py: 'backbone.stem'"],
  ["optimizer.paramwise_cfg.custom_keys['backbone.stem'].lr_mul", 'child.py: lr_mul'],
  ['data.train', 'child.py: "train"'],
  ['data.train.type', 'base.py: type'],
  ['data.train.size', 'child.py: size'],
  ['data.train.size.w', 'base.py: w'],
  ['data.train.width', 'child.py: width'],
  ['data.train_dataloader.samples_per_gpu', "base.py: 'imgs_per_gpu'"],
  ['runner.max_epochs', 'base.py: total_epochs'],
  ['rest.extra', 'child.py: extra'],
  ['rest.more', 'child.py: more'],
  ['rest.pair', "child.py: 'pair'"],
  ['rest.named', 'child.py: named'],
  ['rest.last', "child.py: 'last'"],
  ['rest.absent', 'child.py: rest'],
  ['data.train.ann_file[1]', "base.py: 'y'"],
];

test.each(keys)('the key %s was written at: %s', async (path, expected) => {
  const { textAt } = await resolved({ 'base.py': BASE, 'child.py': CHILD }, 'child.py');
  expect(textAt(path, 'key')).toBe(expected);
});

test('values keep their places beside the keys', async () => {
  const { textAt } = await resolved({ 'base.py': BASE, 'child.py': CHILD }, 'child.py');
  expect(textAt('optimizer.lr', 'value')).toBe('child.py: 0.2');
  expect(textAt("optimizer.paramwise_cfg.custom_keys['backbone.stem'].lr_mul", 'value')).toBe(
    'child.py: 0.1',
  );
});

test('keys of JSON and YAML have places too', async () => {
  const json = '{"data": {"train": {}}, "total_epochs": 1, "optimizer": {"lr": 1}}';
  expect((await resolved({ 'a.json': json }, 'a.json')).textAt('optimizer.lr', 'key')).toBe('a.json: "lr"');
  const yaml = 'data: {train: {}}\ntotal_epochs: 1\noptimizer:\n  lr: 1\n  1: 2\n';
  const { textAt } = await resolved({ 'a.yaml': yaml }, 'a.yaml');
  expect(textAt('optimizer.lr', 'key')).toBe('a.yaml: lr');
  expect(textAt('optimizer[1]', 'key')).toBe('a.yaml: 1');
});

test('keys of --cfg-options point into the option', async () => {
  const { textAt } = await resolved({ 'base.py': BASE }, 'base.py', ['optimizer.lr=0.5']);
  expect(textAt('optimizer.lr', 'key')).toBe('--cfg-options: optimizer.lr');
  expect(textAt('optimizer.lr', 'value')).toBe('--cfg-options: 0.5');
});

test('parts of a concatenated dataset keep the places of what they were made from', async () => {
  const text = "data = dict(train=dict(type='A', ann_file=['x', 'y'], img_prefix='p'))\ntotal_epochs = 1\n";
  const { dict } = await resolved({ 'a.py': text }, 'a.py');
  const train = expandDatasetCfg((dict.data as Record<string, unknown>).train) as Record<string, unknown>;
  const slice = (path: string, at: 'key' | 'value'): string => {
    const span = spanOfPath(train, path, at);
    return text.slice(span?.from, span?.to);
  };
  expect(slice('datasets[1].ann_file', 'value')).toBe("'y'");
  expect(slice('datasets[1].ann_file', 'key')).toBe('ann_file');
  expect(slice('datasets[0].img_prefix', 'key')).toBe('img_prefix');
});
