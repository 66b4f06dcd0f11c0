// Everything that is wrong with the arguments of one class, before it is built.

import type { Problem } from '../contracts/problem.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';
import { nearest } from '../util/nearest.ts';
import { kindNamed } from './argKinds.ts';
import { allFaults } from './args/kinds.ts';
import type { DeclaredArgs } from './args/types.ts';
import { snakeToCamel } from './argNames.ts';
import { isArgument, knownArgs, type ClassWithArgs, type KnownArgs } from './constructorArgs.ts';

/**
 * Check a config dict against what its class declares.
 * @param args config names and values, `type` left out; those of defaults among them
 * @param cfg the dict that the person wrote, for places
 * @param path of `cfg` in the config
 * @param gives config names of arguments that whoever builds it adds
 * @param beside keys that whoever builds it has taken out before
 * @returns unknown keys first, then what is missing, then values
 */
export function argProblems(
  module: ClassWithArgs,
  args: Readonly<Record<string, unknown>>,
  cfg: object,
  path: string,
  gives: readonly string[] = [],
  beside?: DeclaredArgs,
): Problem[] {
  const spec = knownArgs(module);
  if (!spec) return [];
  const unknown = unknownArguments(args, spec);
  // Of a slip the key says enough: what it means isn't missing besides.
  const meant = unknown.map((key) => nearest(key, [...spec.required, ...spec.optional]));
  const given = [...gives, ...meant.filter((name) => name !== undefined)];
  const ownSpan = sourceOf(cfg, 'type')?.span ?? sourceOf(cfg, null)?.span;
  return [
    ...unknown.map((key): Problem => ({
      severity: 'error',
      code: 'unknown-argument',
      message: `${module.name} got an unexpected argument '${key}'`,
      path: `${path}.${key}`,
      at: 'key',
      span: sourceOf(cfg, key)?.keySpan ?? sourceOf(cfg, key)?.span ?? sourceOf(cfg, null)?.span,
      hint: unknownHint(key, { spec, module, gives, beside }),
    })),
    ...missingArguments(
      module,
      { ...Object.fromEntries(given.map((name) => [name, null])), ...args },
      spec,
      path,
    ).map((problem) => ({ ...problem, span: ownSpan })),
    ...badValues(module, args, spec, path).map(({ inner, ...problem }) => ({
      ...problem,
      span: spanOfPath(cfg, inner, problem.at) ?? ownSpan,
    })),
  ];
}

function unknownArguments(args: Readonly<Record<string, unknown>>, spec: KnownArgs): string[] {
  if (spec.isOpen) return [];
  const known = [...spec.required, ...spec.optional];
  return Object.keys(args).filter((key) => !known.some((name) => isArgument(key, name, spec)));
}

function valueOf(
  name: string,
  args: Readonly<Record<string, unknown>>,
  spec: KnownArgs,
): { readonly key: string; readonly value: unknown } {
  const key = Object.keys(args).find((one) => isArgument(one, name, spec)) ?? name;
  return { key, value: args[key] };
}

function missingArguments(
  module: ClassWithArgs,
  args: Readonly<Record<string, unknown>>,
  spec: KnownArgs,
  path: string,
): Problem[] {
  const missing = spec.required.filter((name) => valueOf(name, args, spec).value === undefined);
  const [first] = missing;
  if (first === undefined) return [];
  const orDefault = spec.isRead
    ? `, or give it a default in the constructor of ${spec.owner.name}: { ${snakeToCamel(first)} = … }`
    : '';
  const names = missing.map((name) => `'${name}'`).join(', ');
  return [
    {
      severity: 'error',
      code: 'missing-argument',
      message: `${module.name} is missing the required argument${missing.length > 1 ? 's' : ''} ${names}`,
      path,
      hint: `write ${first}=… inside ${path}${orDefault}`,
    },
  ];
}

function badValues(
  module: ClassWithArgs,
  args: Readonly<Record<string, unknown>>,
  spec: KnownArgs,
  path: string,
): (Problem & { readonly inner: string })[] {
  return Object.entries(spec.kinds).flatMap(([name, kind]) => {
    const { key, value } = valueOf(name, args, spec);
    const faults = value === undefined ? [] : allFaults(kindNamed(kind), value);
    return faults.map(({ below, code, at, says, hint, severity = 'error' as const }) => {
      const inner = `${key}${below}`;
      // `backend='pillow' is not supported` names its value beside its key.
      const message = `${module.name}: ${inner}${says.startsWith('=') ? '' : ' '}${says}`;
      return { severity, code, message, path: `${path}.${inner}`, at, hint, inner };
    });
  });
}

interface Taken {
  readonly spec: KnownArgs;
  readonly module: ClassWithArgs;
  readonly gives: readonly string[];
  readonly beside?: DeclaredArgs;
}

function unknownHint(key: string, { spec, module, gives, beside }: Taken): string {
  if (spec.unreachable.includes(key))
    return `arguments arrive in camelCase: call it ${snakeToCamel(key)} in the constructor of ${spec.owner.name}`;
  const known = [...spec.required, ...spec.optional];
  // Any two letters are near each other.
  const writable = [...known.filter((name) => !gives.includes(name)), ...Object.keys(beside?.kinds ?? {})];
  // What is given may be written all the same: a logger's interval.
  const near = key.length > 1 ? (nearest(key, [...writable, 'type']) ?? nearest(key, gives, 1)) : undefined;
  if (near) return `did you mean '${near}'?`;
  const inner = innerKey(key, { ...spec.kinds, ...beside?.kinds });
  if (inner !== undefined) return `did you mean ${inner}?`;
  const list = `it takes: ${writable.join(', ') || 'no arguments'}`;
  // A subclass that takes more than its base must say so itself.
  return spec.owner === module
    ? list
    : `${list}; that list is ${spec.owner.name}'s: give ${module.name} its own \`static args\` to take others`;
}

/** A key of a dict inside, written one level too far out. @example innerKey('max_norm', kinds) // 'grad_clip=dict(max_norm=…)' */
function innerKey(key: string, kinds: KnownArgs['kinds']): string | undefined {
  for (const [name, kind] of Object.entries(kinds)) {
    const inner = nearest(key, Object.keys(kindNamed(kind).keys?.kinds ?? {}), key.length < 6 ? 1 : 2);
    if (inner !== undefined) return `${name}=dict(${inner}=…)`;
  }
  return undefined;
}
