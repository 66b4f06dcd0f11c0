// runtime_misc.json, registry: what a description says in words or in Python, done with our Registry. The registry of most cases
// holds `A(x=1, y=2)` alone.

import { encodeValue, loadConfigText } from '../../src/config/index.ts';
import { isDict } from '../../src/lang/plain.ts';
import { BuildContext } from '../../src/registry/buildContext.ts';
import { buildFromCfg } from '../../src/registry/buildFromCfg.ts';
import { createRunRegistries } from '../../src/registry/registries.ts';
import { Registry, splitScopeKey } from '../../src/registry/registry.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import { Tuple } from '../../src/util/tuple.ts';
import { MISC_CODES, orError, type MiscCase } from './miscCase.ts';
import { failed, type ParityOutcome } from './types.ts';

class A {
  static readonly args = { optional: ['x', 'y'] };
  readonly x: unknown;
  readonly y: unknown;
  constructor({ x = 1, y = 2 }: { x?: unknown; y?: unknown }) {
    this.x = x;
    this.y = y;
  }
}
class B {
  constructor() {
    throw new RangeError('bad n');
  }
}

/** What is done for a description, and its groups; the first that matches. */
const ACTIONS: readonly (readonly [RegExp, (groups: readonly string[], one: MiscCase) => unknown])[] = [
  [/^build\((.*)\) -> x,y/, ([call = '']) => buildCall(call)],
  [/^build\((.*)\):/, ([call = '']) => buildCall(call)],
  [/^cfg dict unchanged/, () => unchangedCfg()],
  [/^len\(\)/, () => namedRegistry().names().length],
  [/^"\w+" in R/, (_, { description = '' }) => areContained(description)],
  [/lookups with scope prefixes/, (_, { out }) => lookUpAll(Object.keys(out as object))],
  [/unknown scope on a root/, () => scopedRegistries().parent.get('nowhere.PX')],
  [/two children with the same scope/, () => twoOfAScope()],
  [/inherits build_func/, () => buildInherited()],
  [/^split_scope_key/, (_, { out }) => splitAll(out as readonly unknown[])],
  [/^constructor raising/, () => buildB()],
  [/same name twice without force/, () => onlyA().registerModule()(A)],
  [/^no type key/, () => build({ x: 1 })],
  [/^type is (?:an? )?(.+)/, ([words = '']) => build({ type: valueOf(words) })],
  [/^type is the class\b|^type=A\b/, () => build({ type: A })],
  [/^default_args(?: is |=)(?:an? )?(.+)/, ([words = '']) => build({ type: 'A' }, valueOf(words))],
  [/unexpected (keyword )?argument/, () => build({ type: 'A', nope: 1 })],
  [/with force(=True)?\b|^force=True/, () => forcedNames()],
  [/^cfg is (?:an? )?(.+)/, ([words = '']) => build(valueOf(words))],
  [/^module=(.+)/, ([words = '']) => onlyA().registerModule()(valueOf(words) as never)],
  [/^name=(.+)/, ([words = '']) => registerNamed(valueOf(words))],
  [/^force=(.+)/, ([words = '']) => registerForced(valueOf(words))],
];

/** What makes MMCV say its messages, for descriptions that don't tell what was done. */
const RAISING: readonly (readonly [RegExp, (given: string) => unknown])[] = [
  [/^'(\w+) is not in the model registry'/, (type) => build({ type })],
  [/must contain the key "type"/, () => build({ x: 1 })],
  [/^A: .*unexpected keyword argument '(\w+)'/, (name) => build({ type: 'A', [name]: 1 })],
  [/^cfg must be a dict, but got <class '(\w+)'>/, (type) => build(valueOf(type))],
  [/^default_args must be .* but got <class '(\w+)'>/, (type) => build({ type: 'A' }, valueOf(type))],
  [/^type must be .* but got <class '(\w+)'>/, (type) => build({ type: valueOf(type) })],
  [/is already registered in/, () => onlyA().registerModule()(A)],
  [/^module must be .* but got <class '(\w+)'>/, (type) => onlyA().registerModule()(valueOf(type) as never)],
  [/^name must be .* but got <class '(\w+)'>/, (type) => registerNamed(valueOf(type))],
  [/^force must be .* but got <class '(\w+)'>/, (type) => registerForced(valueOf(type))],
  [/^scope \w+ exists in/, () => twoOfAScope()],
];

export function runRegistry(one: MiscCase): ParityOutcome | Promise<ParityOutcome> {
  const { description = '', error } = one;
  for (const [pattern, act] of ACTIONS) {
    const found = pattern.exec(description);
    if (!found) continue;
    // A class of the person's may throw anything; what it was is in the message.
    const codes = description.startsWith('constructor raising')
      ? { [error?.type ?? '']: ['constructor-failed'] }
      : MISC_CODES;
    return orError(one, () => act(found.slice(1), one), codes);
  }
  for (const [pattern, act] of RAISING) {
    const found = pattern.exec(error?.observed_message ?? '');
    if (found) return orError(one, () => act(found[1] ?? ''));
  }
  return failed(`it isn't known what is done: ${description}`);
}

function onlyA(): Registry<unknown> {
  const registry = new Registry<unknown>('model');
  registry.registerModule()(A);
  return registry;
}

function registerNamed(name: unknown): unknown {
  return onlyA().registerModule({ name: name as never })(class C {});
}

function registerForced(force: unknown): unknown {
  return onlyA().registerModule({ force: force as never })(class C {});
}

/** Register another class as A by force, and build it. */
function forcedNames(): unknown {
  const registry = onlyA();
  registry.registerModule({ name: 'A', force: true })(class extends A {});
  return registry.names();
}

function build(cfg: unknown, defaultArgs?: unknown): unknown[] {
  const { x, y } = buildFromCfg<unknown>(cfg, onlyA(), {
    path: 'model',
    context: contextOf(),
    defaultArgs: defaultArgs as Record<string, unknown> | undefined,
  }) as A;
  return [x, y];
}

/** @param call Python's arguments of `build` */
async function buildCall(call: string): Promise<unknown> {
  // A class by itself, `type=A`, is no value of a config.
  const text = call.replaceAll(/\btype=(A|B)\b/g, `type='${CLASS_MARK}$1'`);
  const { config, diagnostics } = await loadConfigText(`call = dict(cfg=${text})`, '.py');
  if (!config) throw new Error(`build(${call}) can't be read: ${diagnostics.at(0)?.message}`);
  const { cfg, default_args: defaultArgs } = config.dict.call as Record<string, unknown>;
  return encodeValue(build(withClass(cfg), withClass(defaultArgs)));
}

const CLASS_MARK = 'the class ';

function withClass(cfg: unknown): unknown {
  if (!isDict(cfg) || typeof cfg.type !== 'string' || !cfg.type.startsWith(CLASS_MARK)) return cfg;
  return { ...cfg, type: cfg.type.endsWith('A') ? A : B };
}

function unchangedCfg(): unknown {
  const cfg = { type: 'A', x: 1 };
  build(cfg);
  return cfg;
}

function buildB(): unknown {
  const registry = onlyA();
  registry.registerModule()(B);
  return buildFromCfg({ type: 'B' }, registry, { path: 'model', context: contextOf() });
}

/** Of `"A" in R, "B" in R`, in turn. */
function areContained(description: string): boolean[] {
  const registry = namedRegistry();
  return [...description.matchAll(/"(\w+)" in R/g)].map(([, name = '']) => registry.has(name));
}

/** A value in words: `a number`, `list`, `3`. */
function valueOf(words: string): unknown {
  if (/^(number|int|float)/.test(words)) return 3;
  if (/^(string|str)/.test(words)) return 'x';
  if (/^list/.test(words)) return [];
  if (/^None/.test(words)) return null;
  if (/^(the )?class/.test(words)) return A;
  const number = Number(words);
  return Number.isNaN(number) ? words.replaceAll(/^["']|["']$/g, '') : number;
}

/** A registry per package: `PX` lives in the parent mmroot, `QX` in its child mmkid, `SX` in the other one, mmsib. */
function scopedRegistries(): Record<'parent' | 'kid', Registry<unknown>> {
  const parent = new Registry<unknown>('models', undefined, undefined, { scope: 'mmroot' });
  const kid = new Registry<unknown>('models', parent, undefined, { scope: 'mmkid' });
  const sibling = new Registry<unknown>('models', parent, undefined, { scope: 'mmsib' });
  parent.registerModule()(class PX {});
  kid.registerModule()(class QX {});
  sibling.registerModule()(class SX {});
  return { parent, kid };
}

function childOf(parent: Registry<unknown>, scope: string): Registry<unknown> {
  return new Registry<unknown>('models', parent, undefined, { scope });
}

function twoOfAScope(): unknown[] {
  const { parent } = scopedRegistries();
  return [childOf(parent, 'k'), childOf(parent, 'k')];
}

/** @param keys such as `kid.get(mmroot.PX)` */
function lookUpAll(keys: readonly string[]): Record<string, boolean> {
  const registries = scopedRegistries();
  return Object.fromEntries(
    keys.map((key) => {
      const [, which, name = ''] = /^(\w+)\.get\((.*)\)$/.exec(key) ?? [];
      return [key, registries[which === 'kid' ? 'kid' : 'parent'].get(name) !== undefined];
    }),
  );
}

function buildInherited(): unknown[] {
  const buildFunc = (cfg: Readonly<Record<string, unknown>>): unknown => ['custom', cfg.x];
  const parent = new Registry<unknown>('models', undefined, undefined, { scope: 'root', buildFunc });
  const options = { path: 'model', context: contextOf() };
  return [buildFromCfg({ x: 1 }, parent, options), buildFromCfg({ x: 2 }, childOf(parent, 'k'), options)];
}

/** Split the keys that the wanted (scope, name) came from. */
function splitAll(wanted: readonly unknown[]): unknown[] {
  return wanted.map((pair) => {
    const [scope, name] = (pair as { __tuple__: (string | null)[] }).__tuple__;
    const key = [scope, name].filter((part) => part !== null).join('.');
    return encodeValue(Tuple.of(...splitScopeKey(key)));
  });
}

/** What `len` and `in` ask: five names, two of them of one class, one registered again by force. */
function namedRegistry(): Registry<unknown> {
  const registry = new Registry<unknown>('model');
  registry.registerModule()(A);
  registry.registerModule({ name: ['C1', 'C2'] })(class C {});
  registry.registerModule({ name: 'D' })(class D {});
  registry.registerModule({ name: 'E' })(class E {});
  // Again, by force: no name more.
  registry.registerModule({ name: 'E', force: true })(class F {});
  return registry;
}

function contextOf(): BuildContext {
  return new BuildContext(createRunRegistries(), {
    fs: createMemoryFs(),
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
}
