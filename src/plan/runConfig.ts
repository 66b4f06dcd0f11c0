import {
  compatCfg,
  configTextReader,
  loadConfigOrThrow,
  replaceCfgVals,
  type Config,
  type ConfigDict,
} from '../config/index.ts';
import { checkCustomImports } from '../usercode/index.ts';
import { checkGeneration, checkRunConfig } from './checkRunConfig.ts';
import { locateError } from './locateError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/** A config as a run uses it. */
export interface RunConfig {
  readonly config: Config;
  /** Resolved, with `${…}` replaced and deprecated keys moved. */
  readonly dict: ConfigDict;
  /** Old spellings that were read as the current ones. */
  readonly warnings: readonly string[];
  /** `retinanet_tiny_shapes` for `configs/shapes/retinanet_tiny_shapes.py`. */
  readonly name: string;
}

/**
 * Read a config and everything below it.
 * @throws ConfigError with the place of the first mistake
 */
export async function readRunConfig(
  fs: FileSystem,
  configPath: string,
  cfgOptions?: Record<string, unknown>,
): Promise<RunConfig> {
  const config = await loadConfigOrThrow(configPath, configTextReader(fs), {
    cfgOptions,
    check: checkCustomImports,
  });
  const name = (configPath.split('/').at(-1) ?? configPath).replace(/\.\w+$/, '');
  checkGeneration(config.dict);
  const { dict, warnings } = compatCfg(replaceCfgVals(config.dict));
  let doubts: string[];
  try {
    doubts = checkRunConfig(dict);
  } catch (error) {
    throw locateError(error, dict);
  }
  return { config, dict, warnings: [...warnings.map((w) => w.message), ...doubts], name };
}
