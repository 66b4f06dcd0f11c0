// What backbones have in common: what they give, arguments of every one, stages in a row, frozen parts.

import type { Tensor } from '../../gpu/index.ts';
import { ConfigError } from '../../errors/index.ts';
import type { Module } from '../../nn/index.ts';
import { flag, optional, orNone, str, type BuildContext } from '../../registry/index.ts';
import { firstTrainable, runFrozen, type Part } from '../frozenStages.ts';

/** Pictures in, a pyramid of feature maps out. */
export interface Backbone extends Module {
  /** @param x float32 [B, H, W, C]; borrowed @returns float32 [B, H / s, W / s, C'] for each of `out_indices` */
  forward(x: Tensor): Tensor[];
}

export const withCpArg = optional(
  flag,
  false,
  'Changes nothing: activations are kept instead of computed again.',
);

export const pretrainedArg = optional(orNone(str), null, "Deprecated: init_cfg's checkpoint.");

export const normEvalHelp = 'Whether the running statistics of batch norm stay as they are.';

/** MMDetection's start of most backbones. */
export const KAIMING_INIT: readonly Readonly<Record<string, unknown>>[] = [
  { type: 'Kaiming', layer: 'Conv2d' },
  { type: 'Constant', val: 1, layer: ['_BatchNorm', 'GroupNorm'] },
];

/**
 * What weights start at, by `init_cfg`, `pretrained`, or neither.
 * @throws ConfigError when both are given
 */
export function backboneInitCfg(
  { initCfg, pretrained }: { readonly initCfg: unknown; readonly pretrained: string | null },
  fallback: unknown = KAIMING_INIT,
): unknown {
  if (pretrained === null) return initCfg ?? fallback;
  if (initCfg === null) return { type: 'Pretrained', checkpoint: pretrained };
  throw new ConfigError('init_cfg and pretrained must not be given both', {
    code: 'bad-value',
    path: 'model.backbone.pretrained',
    hint: 'take one of them away',
  });
}

/** Say that `with_cp` changes nothing, where it was asked for. */
export function warnOfCp(className: string, withCp: boolean, context: BuildContext | undefined): void {
  if (withCp)
    context?.services.warn(
      `${className}: with_cp=True is ignored; activations are kept instead of computed again`,
    );
}

/** Batch norm below keeps its running statistics, as `norm_eval` asks. */
export function evalNorms(module: Module): void {
  for (const [, norm] of module.namedModules()) if (norm.baseNames.includes('_BatchNorm')) norm.eval();
}

/** One part of a backbone in a row; a layer is one. */
export interface BackboneStage extends Part {
  /** @param x float32 [B, H, W, C]; borrowed @returns new */
  forward(x: Tensor): Tensor;
}

/**
 * Run stages in a row. Nothing is recorded below the first one that trains.
 * @param outIndices which of them give a feature map
 */
export function runStages(
  x: Tensor,
  stages: readonly BackboneStage[],
  outIndices: readonly number[],
): Tensor[] {
  const trainable = firstTrainable(stages);
  const outputs: Tensor[] = [];
  stages.reduce((value, stage, i) => {
    const y = runFrozen(i < trainable, () => stage.forward(value));
    if (outIndices.includes(i)) outputs.push(y);
    return y;
  }, x);
  return outputs;
}

/** @throws ConfigError `bad-value` */
export function checkIndices(name: string, values: readonly number[], count: number, what: string): void {
  const outside = values.find((i) => i >= count);
  if (outside !== undefined) throw badValue(`${name} must be below ${what}${count}, but got ${outside}`);
}

export function badValue(message: string, hint?: string): ConfigError {
  return new ConfigError(message, { code: 'bad-value', hint });
}
