import {
  compatCfg,
  configTextReader,
  loadConfig,
  replaceCfgVals,
  type Config,
  type ConfigDict,
} from '../config/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Problem } from '../contracts/problem.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { checkCustomImports } from '../usercode/index.ts';
import { foundBy, problemOf } from './problemOf.ts';
import { findConfigProblems, foreignKeys, placed } from './problems/index.ts';
import { withoutUnused, type Purpose } from './unusedParts.ts';

/** A config as a run uses it. */
export interface RunConfig {
  readonly config: Config;
  /** Resolved, with `${…}` replaced and deprecated keys moved. */
  readonly dict: ConfigDict;
  /** What its text alone tells, of parts that aren't built too: old spellings, keys that nothing reads, values that can't be. */
  readonly problems: readonly Problem[];
  /** `retinanet_tiny_shapes` for `configs/shapes/retinanet_tiny_shapes.py`. */
  readonly name: string;
}

/**
 * Read a config and everything below it.
 * @returns no config where its text has errors: the problems tell them all
 */
export async function openRunConfig(
  fs: FileSystem,
  configPath: string,
  cfgOptions?: Record<string, unknown>,
  purpose: Purpose = 'train',
): Promise<{ readonly config: RunConfig | null; readonly problems: readonly Problem[] }> {
  const options = { cfgOptions, check: checkCustomImports };
  const { config, diagnostics } = await loadConfig(configPath, configTextReader(fs), options);
  const problems = diagnostics.flatMap(({ severity, ...rest }): Problem[] =>
    severity === 'info' ? [] : [{ severity, ...rest }],
  );
  if (!config) return { config: null, problems };
  const name = (configPath.split('/').at(-1) ?? configPath).replace(/\.\w+$/, '');
  // A config of MMDetection 3.x lacks everything that a 2.x one must have: one word says why.
  const foreign = foreignKeys(config.dict).map((problem) => placed(problem, config.dict));
  if (foreign.some(isError)) return { config: null, problems: [...problems, ...foreign] };
  try {
    const { dict, warnings } = compatCfg(replaceCfgVals(config.dict));
    const old = warnings.map(({ message }): Problem => ({
      severity: 'warning',
      code: 'deprecated',
      message,
    }));
    const all = [...problems, ...old, ...foundBy(() => findConfigProblems(dict), dict)];
    return {
      config: { config, dict, name, problems: all },
      problems: withoutUnused(all, dict, purpose),
    };
  } catch (error) {
    return { config: null, problems: [...problems, problemOf(error, config.dict)] };
  }
}

/** The folder with the work dirs of a config's runs, named by when they began. */
export function runsFolderOf({ dict, name }: RunConfig): string {
  const { work_dir: configured } = dict;
  return typeof configured === 'string' && configured !== '' ? configured : `work_dirs/${name}`;
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** @throws ConfigError with the place of the first mistake */
export async function readRunConfig(
  fs: FileSystem,
  configPath: string,
  cfgOptions?: Record<string, unknown>,
  purpose?: Purpose,
): Promise<RunConfig> {
  const { config, problems } = await openRunConfig(fs, configPath, cfgOptions, purpose);
  const first = problems.find(isError);
  if (first) throw new ConfigError(first.message, first);
  if (config) return config;
  throw new ConfigError(`the config '${configPath}' can not be read`, { code: 'file-not-found' });
}
