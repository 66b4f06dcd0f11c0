import { expect, test } from 'vitest';
import {
  BBOX_ASSIGNERS,
  BBOX_CODERS,
  BBOX_SAMPLERS,
  IOU_CALCULATORS,
  MODELS,
  PRIOR_GENERATORS,
} from '../registry/index.ts';
import { CATALOG, loadAllModels, loadModels } from './catalog.ts';
import './core.ts';

const names = (): string[] =>
  [MODELS, BBOX_ASSIGNERS, BBOX_CODERS, BBOX_SAMPLERS, IOU_CALCULATORS, PRIOR_GENERATORS]
    .flatMap((registry) => registry.names())
    .sort();

test('core and catalog together register what models/index.ts does, and each row its names', async () => {
  const core = names();
  await loadModels(['RetinaNet', 'Nobody', 'mmdet.ResNet']);
  expect(names()).toEqual(core);
  for (const { names: own } of CATALOG) {
    await loadModels(own.map((name) => `mmdet.${name}`));
    expect(names()).toEqual(expect.arrayContaining([...own]));
  }
  await loadAllModels();
  const all = names();
  expect(all).toEqual([...core, ...CATALOG.flatMap((entry) => entry.names)].sort());
  await import('./index.ts');
  expect(names()).toEqual(all);
});
