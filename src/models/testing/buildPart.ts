// Building one model part of a config by itself.

import type { Problem } from '../../contracts/problem.ts';
import { BuildContext, createRunRegistries, type RunServices } from '../../registry/index.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import '../core.ts';
import { loadModels } from '../catalog.ts';

/** Build a part, whose code is loaded first; its place in the config is `part`. */
export async function buildPart<T>(
  cfg: Readonly<Record<string, unknown>>,
  services: Partial<RunServices> = {},
): Promise<T> {
  await loadModels([String(cfg.type)]);
  const context = new BuildContext(createRunRegistries(), {
    fs: createMemoryFs({}),
    decodeImage: async () => Promise.reject(new Error('there are no pictures')),
    seed: 0,
    warn: () => undefined,
    ...services,
  });
  return context.build<T>('MODELS', cfg, 'part');
}

/** What is told while a part is built. */
export async function problemsOf(cfg: Readonly<Record<string, unknown>>): Promise<Problem[]> {
  const problems: Problem[] = [];
  await buildPart<unknown>(cfg, { report: (problem) => problems.push(problem) });
  return problems;
}
