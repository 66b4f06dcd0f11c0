// Every name under which a person's module may import tabtrain: its own, and those of the tutorials.

/** `mmcv.runner` and `mmcv/runner` are the same. */
const NAMES: readonly string[] = [
  'tabtrain',
  'mmcv',
  'mmcv.cnn',
  'mmcv.runner',
  'mmcv.runner.hooks',
  'mmcv.runner.optimizer',
  'mmcv.runner.optimizer.builder',
  'mmcv.utils',
  'mmdet',
  'mmdet.apis',
  'mmdet.core',
  'mmdet.core.optimizer.registry',
  'mmdet.core.utils',
  'mmdet.datasets',
  'mmdet.datasets.builder',
  'mmdet.datasets.pipelines',
  'mmdet.models',
  'mmdet.models.builder',
  'mmdet.utils',
  'torch',
  'torch.nn',
  'torch.optim',
];

/** All spellings, for the editor's declarations. */
export const BUILTIN_MODULES: readonly string[] = [
  ...new Set(NAMES.flatMap((name) => [name, name.replaceAll('.', '/')])),
];

export function isBuiltinModule(specifier: string): boolean {
  return BUILTIN_MODULES.includes(specifier);
}
