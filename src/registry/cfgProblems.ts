// A config dict and all dicts below it, against what their classes declare: nothing is built, so that everything that is
// wrong is found at once.

import type { Problem } from '../contracts/problem.ts';
import { isDict } from '../lang/plain.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { argProblems } from './argProblems.ts';
import { kindNamed } from './argKinds.ts';
import type { Kind } from './args/types.ts';
import { knownArgs } from './constructorArgs.ts';
import type { Registries, RegistryKind } from './registries.ts';

/**
 * Find the wrong types, arguments and values of a dict with a `type`, and of the dicts that its class builds from it.
 * @param gives config names of arguments that are added when it is built
 * @param type used where the dict has none
 */
export function cfgProblems(
  cfg: unknown,
  kind: RegistryKind,
  registries: Registries,
  path: string,
  { gives = [], type }: { readonly gives?: readonly string[]; readonly type?: string } = {},
): Problem[] {
  if (!isDict(cfg))
    return [
      {
        severity: 'error',
        code: 'not-a-dict',
        message: `${path} must be a dict, but got ${plainRepr(cfg)}`,
        path,
      },
    ];
  const registry = registries[kind];
  const { type: ownType = type, ...args } = cfg;
  // A class in place of its name is known to whoever wrote it there.
  if (typeof ownType === 'function') return [];
  const span = sourceOf(cfg, 'type')?.span ?? sourceOf(cfg, null)?.span;
  if (typeof ownType !== 'string') {
    const message =
      ownType === undefined
        ? `${path} must contain the key "type", but it has ${Object.keys(args).join(', ') || 'no keys'}`
        : `${path}.type must be a string, but got ${plainRepr(ownType)}`;
    const hint = `add type='…', one of the ${registry.name} registry`;
    return [{ severity: 'error', code: 'missing-type', message, path, span, hint }];
  }
  const module = registry.get(ownType);
  if (!module) {
    const { message, hint } = registry.missing(ownType);
    return [{ severity: 'error', code: 'unknown-type', message, path: `${path}.type`, span, hint }];
  }
  const own = argProblems(module, args, cfg, path, gives);
  const spec = knownArgs(module);
  const below = Object.entries(spec?.kinds ?? {}).flatMap(([name, argKind]) =>
    nestedProblems(args[name], kindNamed(argKind), registries, `${path}.${name}`),
  );
  return [...own, ...below];
}

function nestedProblems(
  value: unknown,
  { builds, gives }: Kind<unknown>,
  registries: Registries,
  path: string,
): Problem[] {
  if (builds === undefined) return [];
  if (isDict(value)) return cfgProblems(value, builds, registries, path, { gives });
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown, i) =>
    isDict(entry) ? cfgProblems(entry, builds, registries, `${path}[${i}]`, { gives }) : [],
  );
}
