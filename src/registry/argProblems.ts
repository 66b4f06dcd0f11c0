// Everything that is wrong with the arguments of one class, before it is built.

import type { Problem } from '../contracts/problem.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { spanOfPath } from '../lang/spanOfPath.ts';
import { nearest } from '../util/nearest.ts';
import { kindNamed } from './argKinds.ts';
import { allFaults } from './args/kinds.ts';
import { snakeToCamel } from './argNames.ts';
import { isArgument, knownArgs, type ClassWithArgs, type KnownArgs } from './constructorArgs.ts';

/**
 * Check a config dict against what its class declares.
 * @param args config names and values, `type` left out; those of defaults among them
 * @param cfg the dict that the person wrote, for places
 * @param path of `cfg` in the config
 * @param gives config names of arguments that whoever builds it adds
 * @returns unknown keys first, then what is missing, then values
 */
export function argProblems(
  module: ClassWithArgs,
  args: Readonly<Record<string, unknown>>,
  cfg: object,
  path: string,
  gives: readonly string[] = [],
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
      hint: unknownHint(key, spec, module),
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

function unknownHint(key: string, spec: KnownArgs, module: ClassWithArgs): string {
  if (spec.unreachable.includes(key))
    return `arguments arrive in camelCase: call it ${snakeToCamel(key)} in the constructor of ${spec.owner.name}`;
  const known = [...spec.required, ...spec.optional];
  // Any two letters are near each other.
  const near = key.length > 1 ? nearest(key, known) : undefined;
  if (near) return `did you mean '${near}'?`;
  const list = `it takes: ${known.join(', ') || 'no arguments'}`;
  // A subclass that takes more than its base must say so itself.
  return spec.owner === module
    ? list
    : `${list}; that list is ${spec.owner.name}'s: give ${module.name} its own \`static args\` to take others`;
}
