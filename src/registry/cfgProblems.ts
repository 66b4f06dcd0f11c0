// A config dict and all dicts below it, against what their classes declare: nothing is built, so that everything that is
// wrong is found at once.

import type { Problem } from '../contracts/problem.ts';
import { isDict } from '../lang/plain.ts';
import { nearest } from '../util/nearest.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { copySources, sourceOf } from '../lang/sourceMap.ts';
import { pathBelow } from '../util/configPath.ts';
import { argProblems } from './argProblems.ts';
import { kindNamed, type ArgKind } from './argKinds.ts';
import { variantOf } from './args/kinds.ts';
import type { DeclaredArgs, Kind } from './args/types.ts';
import { knownArgs, wrongPart } from './constructorArgs.ts';
import type { Registries, RegistryKind } from './registries.ts';
import type { ModelPart } from './registryKinds.ts';

export interface CfgOptions {
  /** Config names of arguments that are added when it is built. */
  readonly gives?: readonly string[];
  /** Used where the dict has none. */
  readonly type?: string;
  /** Which classes of MODELS fit. */
  readonly part?: ModelPart;
  /** Keys that are taken out before: for hints. */
  readonly beside?: DeclaredArgs;
}

/**
 * Find the wrong types, arguments and values of a dict with a `type`, and of the dicts that its class builds from it.
 */
export function cfgProblems(
  cfg: unknown,
  kind: RegistryKind,
  registries: Registries,
  path: string,
  { gives = [], type, part, beside }: CfgOptions = {},
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
    const slip = ownType === undefined ? nearest('type', Object.keys(args)) : undefined;
    if (slip !== undefined) {
      const place = sourceOf(cfg, slip);
      const at = { path: `${path}.${slip}`, at: 'key', span: place?.keySpan ?? place?.span ?? span } as const;
      return [{ severity: 'error', code: 'missing-type', message, ...at, hint: "did you mean 'type'?" }];
    }
    const hint = `add type='…', one of the ${registry.name} registry`;
    return [{ severity: 'error', code: 'missing-type', message, path, span, hint }];
  }
  const module = registry.get(ownType);
  if (!module) {
    const { message, hint } = registry.missing(ownType, part);
    return [{ severity: 'error', code: 'unknown-type', message, path: `${path}.type`, span, hint }];
  }
  const wrong = wrongPart(module, ownType, part);
  if (wrong) return [{ severity: 'error', ...wrong, path: `${path}.type`, span }];
  const own = argProblems(module, args, cfg, path, gives, beside);
  return [...own, ...keyProblems(args, knownArgs(module)?.kinds ?? {}, registries, path)];
}

/** Of the dicts that are built from the values of a dict. @param path of the dict; empty for the config itself */
export function keyProblems(
  values: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, ArgKind | Kind<unknown>>>,
  registries: Registries,
  path: string,
): Problem[] {
  return Object.entries(kinds).flatMap(([name, kind]) =>
    nestedProblems(values[name], kindNamed(kind), registries, pathBelow(path, name)),
  );
}

function nestedProblems(
  value: unknown,
  kind: Kind<unknown>,
  registries: Registries,
  path: string,
): Problem[] {
  if (Array.isArray(value))
    return value.flatMap((entry: unknown, i) => nestedProblems(entry, kind, registries, `${path}[${i}]`));
  const { builds, builtType: type, beside, gives, part, expand, variants } = kind;
  if (!isDict(value)) return [];
  const own = beside ? without(value, Object.keys(beside.kinds)) : value;
  const cfg = expand ? expand(own) : own;
  if (!isDict(cfg)) return [];
  if (builds !== undefined) return cfgProblems(cfg, builds, registries, path, { gives, part, type, beside });
  const keys = kind.keys ?? (variants && variantOf(variants, cfg[variants.by] ?? variants.fallback));
  return keyProblems(cfg, keys?.kinds ?? {}, registries, path);
}

function without(cfg: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  const rest = Object.fromEntries(Object.entries(cfg).filter(([key]) => !keys.includes(key)));
  copySources(cfg, rest);
  return rest;
}
