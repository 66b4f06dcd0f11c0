// `init_cfg=dict(type='Pretrained', checkpoint=…, prefix=…)`. Source: mmcv 1.7.2 `cnn/utils/weight_init.py` PretrainedInit,
// `runner/checkpoint.py` `_load_checkpoint_with_prefix`. Differs: a file of which nothing fits is refused; MMCV goes on with
// random weights.

import { ConfigError, TrainerError } from '../../errors/index.ts';
import type { Span } from '../../errors/span.ts';
import { isDict } from '../../lang/plain.ts';
import { sourceOf } from '../../lang/sourceMap.ts';
import { prefixInFile } from '../namePrefix.ts';
import type { StateTensor } from '../parameter.ts';
import type { InitTarget } from './initTarget.ts';

type State = ReadonlyMap<string, StateTensor>;

export interface PretrainedOptions {
  /** Reads the state dict of a checkpoint, by its path or address. Absent: such an init_cfg is refused. */
  loadPretrained?: (path: string) => Promise<State>;
  /** Told what a pretrained checkpoint lacked. */
  warn?: (message: string) => void;
}

/**
 * Load a module's weights from a file.
 * @param cfg the init_cfg; its place in the text goes into errors
 * @throws ConfigError `bad-init`, `foreign-checkpoint` (nothing fits); what reading the file throws
 */
export async function loadPretrained(
  module: InitTarget,
  cfg: Readonly<Record<string, unknown>>,
  options: PretrainedOptions,
): Promise<void> {
  const { prefix } = cfg;
  const fail = (key: string, message: string, code: string, hint?: string): ConfigError =>
    new ConfigError(message, { code, hint, ...placeOf(module, cfg, key) });
  const checkpoint = fileOf(module, cfg);
  if (!options.loadPretrained)
    throw new TrainerError('this run offers no way to read pretrained checkpoints', {
      code: 'no-pretrained-loader',
    });
  const state = await options.loadPretrained(checkpoint);
  const wanted = typeof prefix === 'string' ? withPrefix(state, prefix) : state;
  if (wanted.size === 0)
    throw fail(
      'prefix',
      `${checkpoint} has no tensor whose name begins with '${String(prefix)}'`,
      'bad-init',
      `its names begin with ${beginningsOf(state)}`,
    );
  const report = module.loadStateDict(wanted);
  const names = namesOf(module);
  const absent = new Set([...report.missing, ...report.mismatched.map(({ name }) => name)]);
  if (names.length > 0 && names.every((name) => absent.has(name))) {
    const found = prefixInFile(state.keys(), names);
    throw fail(
      'checkpoint',
      `init_cfg Pretrained must find weights of ${module.fullName || module.className} in ${checkpoint}, but none of its ${names.length} parameters is there: ${String(names[0])} is wanted, the file has ${String([...state.keys()][0])}`,
      'foreign-checkpoint',
      found === undefined
        ? `its names begin with ${beginningsOf(state)}: is it a file of this architecture?`
        : found === ''
          ? "leave prefix out: the file's names are the module's own"
          : `write init_cfg=dict(type='Pretrained', checkpoint='${checkpoint}', prefix='${found}')`,
    );
  }
  for (const warning of report.warnings) options.warn?.(`${checkpoint}: ${warning}`);
}

/** An init_cfg `Pretrained` of a module, and its place in the config. */
export interface PretrainedPart {
  readonly path: string;
  readonly span?: Span;
  /** A path or an address. @throws ConfigError `bad-init` */
  file(): string;
}

/** What at and below a module comes from files; below one that does, nothing else is looked at. */
export function pretrainedParts(root: InitTarget): PretrainedPart[] {
  const found: PretrainedPart[] = [];
  const done: string[] = [];
  for (const [, module] of root.namedModules()) {
    if (done.some((name) => name === '' || module.fullName.startsWith(`${name}.`))) continue;
    for (const cfg of [module.initCfg].flat()) {
      if (!isDict(cfg) || cfg.type !== 'Pretrained') continue;
      done.push(module.fullName);
      found.push({ ...placeOf(module, cfg, 'checkpoint'), file: () => fileOf(module, cfg) });
    }
  }
  return found;
}

function fileOf(module: InitTarget, cfg: Readonly<Record<string, unknown>>): string {
  const { checkpoint } = cfg;
  if (typeof checkpoint !== 'string')
    throw new ConfigError("init_cfg Pretrained is missing the required argument 'checkpoint'", {
      code: 'bad-init',
      ...placeOf(module, cfg, 'type'),
    });
  return checkpoint;
}

function placeOf(
  module: InitTarget,
  cfg: Readonly<Record<string, unknown>>,
  key: string,
): { readonly path: string; readonly span?: Span } {
  return { path: pathOf(module, key), span: sourceOf(cfg, key)?.span };
}

function withPrefix(state: State, prefix: string): Map<string, StateTensor> {
  const start = prefix.endsWith('.') ? prefix : `${prefix}.`;
  const found = [...state].filter(([name]) => name.startsWith(start));
  return new Map(found.map(([name, value]) => [name.slice(start.length), value]));
}

/** The parameters at and below a module, by names from it. */
function namesOf(module: InitTarget): string[] {
  const prefix = module.fullName === '' ? '' : `${module.fullName}.`;
  const found = new Set<string>();
  for (const [, part] of module.namedModules())
    for (const parameter of part.ownParameters().values()) found.add(parameter.name.slice(prefix.length));
  return [...found];
}

function beginningsOf(state: State): string {
  const beginnings = new Set([...state.keys()].map((name) => `'${name.split('.', 1)[0] ?? ''}.'`));
  const shown = [...beginnings].slice(0, 4);
  return `${shown.join(', ')}${beginnings.size > shown.length ? ', …' : ''}`;
}

function pathOf(module: InitTarget, key: string): string {
  return `model.${module.fullName === '' ? '' : `${module.fullName}.`}init_cfg.${key}`;
}
