import {
  built,
  declareArgs,
  listOf,
  PIPELINES,
  required,
  type ArgsOf,
  type BuildContext,
} from '../../registry/index.ts';
import type { Rng } from '../../util/prng.ts';
import { ConfigError } from '../../errors/trainerError.ts';
import type { Results, Transform } from './results.ts';

/** A list of transforms. */
export const PIPELINE = listOf(built('PIPELINES'));

const COMPOSE_ARGS = declareArgs({ transforms: required(PIPELINE, 'What is done, in order.') });

/** Runs transforms one after the other; null from one of them ends it. Source: mmdet 2.28.2 `Compose`. */
export class Compose implements Transform {
  static readonly args = COMPOSE_ARGS;
  readonly transforms: readonly Transform[];
  readonly #path: string;

  constructor({ transforms }: ArgsOf<typeof COMPOSE_ARGS>, context: BuildContext) {
    this.transforms = buildTransforms(transforms, context, 'transforms');
    this.#path = `${context.path}.transforms`;
  }

  async call(results: Results, rng: Rng): Promise<Results | null> {
    return runTransforms(this.transforms, results, rng, this.#path);
  }
}

/** Build a list of transform configs at `key` below the context's path. */
export function buildTransforms(cfgs: readonly unknown[], context: BuildContext, key: string): Transform[] {
  return cfgs.map((cfg, i) => context.build<Transform>('PIPELINES', cfg, `${key}[${i}]`));
}

/**
 * @param path of the list in the config, for messages
 * @param skipTypeKeys names of classes whose transforms are left out
 * @returns null as soon as a transform drops the sample
 */
export async function runTransforms(
  transforms: readonly Transform[],
  results: Results,
  rng: Rng,
  path = 'pipeline',
  skipTypeKeys: readonly string[] = [],
): Promise<Results | null> {
  let current: Results | null = results;
  for (const [i, transform] of transforms.entries()) {
    if (skipTypeKeys.includes(transform.constructor.name)) continue;
    try {
      current = await transform.call(current, rng);
    } catch (error) {
      if (!(error instanceof ConfigError) || error.path !== undefined) throw error;
      const { message, code, hint } = error;
      throw new ConfigError(message, { code, hint, path: `${path}[${i}]`, cause: error });
    }
    if (current === null) return null;
  }
  return current;
}

PIPELINES.registerModule()(Compose);
