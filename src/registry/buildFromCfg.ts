import { RegistryError, TrainerError, UserCodeError } from '../errors/trainerError.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
import { argProblems } from './argProblems.ts';
import { snakeToCamel } from './argNames.ts';
import { sideBySide, wrongPart } from './constructorArgs.ts';
import { assertDict, type Registrable, type Registry } from './registry.ts';
import type { ModelPart } from './registryKinds.ts';

/** What the build needs of a `BuildContext`: the same one for another place in the config. */
export interface PlacedContext {
  at(path: string): PlacedContext;
}

export interface BuildOptions {
  /** Path of `cfg` in the config, such as `model.backbone`, for messages. */
  path: string;
  context: PlacedContext;
  /** Config-style (snake_case) arguments that `cfg` may override; may hold `type`. */
  defaultArgs?: Readonly<Record<string, unknown>>;
  /** What the class must be, as far as it says: a MODELS registry holds them all. */
  part?: ModelPart;
}

/**
 * Build the object that a config dict describes: its `type` names the class in `registry`, its other keys
 * are the arguments, crossing from snake_case to camelCase here and nowhere else. `cfg` is borrowed, never changed.
 * Source: mmcv 1.7.2 `build_from_cfg`.
 * @throws RegistryError for a missing or unknown type, an unknown or a missing argument
 * @throws what the class itself throws, with the config path and span added
 */
export function buildFromCfg<T>(cfg: unknown, registry: Registry<T>, options: BuildOptions): T {
  const { path, context, defaultArgs = {}, part } = options;
  assertDict(cfg, path);
  assertDict(defaultArgs, 'default_args');
  if (registry.buildFunc) return registry.buildFunc(cfg);
  const merged: Record<string, unknown> = { ...defaultArgs, ...cfg };
  const type = merged.type;
  if (type === undefined) {
    throw new RegistryError(`${path} must contain the key "type", but it has ${listKeys(cfg)}`, {
      code: 'missing-type',
      path,
      span: sourceOf(cfg, null)?.span,
      hint: `add type='…', one of the ${registry.name} registry`,
    });
  }
  const module = resolveType(type, registry, cfg, path, part);
  delete merged.type;
  refuseSideBySide(module, merged, path);
  const wrong = argProblems(module, merged, cfg, path).find(({ severity }) => severity === 'error');
  if (wrong) throw new RegistryError(wrong.message, wrong);
  const args: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(merged)) {
    args[snakeToCamel(key)] = value;
    const source = sourceOf(cfg, key);
    if (source) setSource(args, snakeToCamel(key), source);
  }
  try {
    return new module(args as never, context.at(path) as never);
  } catch (error) {
    throw withPath(error, path, module.name, cfg);
  }
}

function resolveType<T>(
  type: unknown,
  registry: Registry<T>,
  cfg: object,
  path: string,
  part: ModelPart | undefined,
): Registrable<T> {
  // A class itself is as good as its name, as in MMCV.
  if (typeof type === 'function') return type as unknown as Registrable<T>;
  const span = sourceOf(cfg, 'type')?.span;
  if (typeof type !== 'string') {
    throw new RegistryError(`${path}.type must be a string, but got ${typeof type}`, {
      code: 'bad-type',
      path,
      span,
    });
  }
  try {
    const module = registry.getOrThrow(type, part);
    const wrong = wrongPart(module, type, part);
    if (wrong) throw new RegistryError(wrong.message, wrong);
    return module;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw error.with({ path: `${path}.type`, span });
  }
}

/** Python's way of taking arguments, side by side, gives a class the whole object as its first one. */
function refuseSideBySide(
  module: Registrable<unknown>,
  args: Readonly<Record<string, unknown>>,
  path: string,
): void {
  const parameters = sideBySide(module, Object.keys(args));
  if (!parameters) return;
  const names = parameters.names.join(', ');
  throw new UserCodeError(
    `${module.name} must take its arguments as one object, but its constructor takes ${names} side by side`,
    { code: 'bad-constructor', path, span: parameters.place, hint: `write constructor({ ${names} })` },
  );
}

function withPath(error: unknown, path: string, className: string, cfg: object): unknown {
  if (error instanceof TrainerError) {
    // A deeper build has already said where; keep the innermost place.
    if (error.path !== undefined) return error;
    const argument = subjectOf(error.message, cfg);
    return error.with({
      message: `${className}: ${error.message}`,
      path: argument === null ? path : `${path}.${argument}`,
      span: error.span ?? sourceOf(cfg, argument ?? 'type')?.span ?? sourceOf(cfg, null)?.span,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new RegistryError(`${className}: ${message}`, {
    code: 'constructor-failed',
    path,
    span: sourceOf(cfg, 'type')?.span ?? sourceOf(cfg, null)?.span,
    cause: error,
  });
}

/** The argument that a message is about: messages begin with their subject (`depth must be …`). */
function subjectOf(message: string, cfg: object): string | null {
  const subject = /^[a-z_][a-z0-9_]*/.exec(message)?.[0];
  return subject !== undefined && subject in cfg ? subject : null;
}

function listKeys(value: Record<string, unknown>): string {
  const keys = Object.keys(value);
  return keys.length === 0 ? 'no keys' : `only ${keys.map((k) => `'${k}'`).join(', ')}`;
}
