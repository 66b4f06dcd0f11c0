import { describe, expect, test } from 'vitest';
import { RegistryError } from '../errors/trainerError.ts';
import { setSource } from '../lang/sourceMap.ts';
import { snakeToCamel } from './argNames.ts';
import { BuildContext, type RunServices } from './buildContext.ts';
import { buildFromCfg } from './buildFromCfg.ts';
import { createRunRegistries, HOOKS } from './registries.ts';
import { Registry } from './registry.ts';

class Box {
  static readonly args = {
    required: ['side_length'],
    optional: ['colour'],
    kinds: { side_length: 'number' },
  } as const;
  readonly sideLength: number;
  constructor({ sideLength }: { sideLength: number }) {
    if (sideLength < 0) throw new RangeError(`side_length must not be negative, but got ${sideLength}`);
    this.sideLength = sideLength;
  }
}

function setup(): { registry: Registry<unknown>; context: BuildContext } {
  const registry = new Registry<unknown>('shape');
  registry.registerModule()(Box);
  const services: RunServices = {
    fs: undefined as never,
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  };
  return { registry, context: new BuildContext(createRunRegistries(), services) };
}

function errorOf(run: () => unknown): RegistryError {
  try {
    run();
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('buildFromCfg', () => {
  test('builds with camelCase arguments and leaves the config as it was', () => {
    const { registry, context } = setup();
    const cfg = { type: 'Box', side_length: 3 };
    const box = buildFromCfg(cfg, registry, { path: 'box', context });
    expect(box).toBeInstanceOf(Box);
    expect((box as Box).sideLength).toBe(3);
    expect(cfg).toEqual({ type: 'Box', side_length: 3 });
  });

  test('the config wins over default arguments, which may hold the type', () => {
    const { registry, context } = setup();
    const defaultArgs = { type: 'Box', side_length: 1 };
    expect(buildFromCfg({ side_length: 2 }, registry, { path: 'box', context, defaultArgs })).toMatchObject({
      sideLength: 2,
    });
    expect(buildFromCfg({}, registry, { path: 'box', context, defaultArgs })).toMatchObject({
      sideLength: 1,
    });
  });

  test('an unknown type names the nearest one and its place in the file', () => {
    const { registry, context } = setup();
    const cfg = { type: 'Bx', side_length: 3 };
    const span = { file: 'a.py', from: 10, to: 14, line: 2, column: 5, endLine: 2, endColumn: 9 };
    setSource(cfg, 'type', { span });
    const error = errorOf(() => buildFromCfg(cfg, registry, { path: 'model.box', context }));
    expect(error.format()).toBe(
      "Bx is not in the shape registry\n  at model.box.type (a.py:2:5)\n  hint: did you mean 'Box'?",
    );
  });

  test('unknown and missing arguments are told with the path', () => {
    const { registry, context } = setup();
    const unknown = errorOf(() =>
      buildFromCfg({ type: 'Box', side_lenght: 3 }, registry, { path: 'box', context }),
    );
    expect([unknown.code, unknown.path, unknown.hint]).toEqual([
      'unknown-argument',
      'box.side_lenght',
      "did you mean 'side_length'?",
    ]);
    const missing = errorOf(() => buildFromCfg({ type: 'Box' }, registry, { path: 'box', context }));
    expect([missing.code, missing.message]).toEqual([
      'missing-argument',
      "Box is missing the required argument 'side_length'",
    ]);
    expect(errorOf(() => buildFromCfg({ a: 1 }, registry, { path: 'box', context })).code).toBe(
      'missing-type',
    );
  });

  test("the class's own error keeps its words and cause, and gains the path", () => {
    const { registry, context } = setup();
    const error = errorOf(() =>
      buildFromCfg({ type: 'Box', side_length: -1 }, registry, { path: 'model.box', context }),
    );
    expect(error.message).toBe('Box: side_length must not be negative, but got -1');
    expect(error.path).toBe('model.box');
    expect(error.cause).toBeInstanceOf(RangeError);
  });
});

describe('Registry', () => {
  test('a duplicate names the first, unless forced', () => {
    const { registry } = setup();
    class Other {}
    expect(errorOf(() => registry.registerModule({ name: 'Box' })(Other)).message).toContain(
      'already registered in shape (by class Box)',
    );
    registry.registerModule({ name: 'Box', force: true })(Other);
    expect(registry.get('Box')).toBe(Other);
  });

  test("a run's own registrations don't reach the next run", () => {
    class MyHook {}
    const first = createRunRegistries();
    first.HOOKS.registerModule()(MyHook);
    expect(first.HOOKS.has('MyHook')).toBe(true);
    expect(createRunRegistries().HOOKS.has('MyHook')).toBe(false);
    expect(HOOKS.has('MyHook')).toBe(false);
  });

  test('a scope in front of a name is dropped', () => {
    const { registry } = setup();
    expect(registry.get('mmdet.Box')).toBe(Box);
  });
});

test('snakeToCamel', () => {
  expect(['frozen_stages', 'lr', 'type', '_base_', 'a_1_b', 'AR_s'].map(snakeToCamel)).toEqual([
    'frozenStages',
    'lr',
    'type',
    '_base_',
    'a1B',
    'ARS',
  ]);
});

test('a value of the wrong kind is refused at its own place, and so is one that the class refuses', () => {
  const { registry, context } = setup();
  const cfg = { type: 'Box', side_length: 'wide' };
  const span = { file: 'a.py', from: 0, to: 1, line: 2, column: 3, endLine: 2, endColumn: 4 };
  setSource(cfg, 'side_length', { span });
  expect(() => buildFromCfg(cfg, registry, { path: 'model.box', context })).toThrow(
    expect.objectContaining({
      message: "Box: side_length must be a number, but got 'wide'",
      path: 'model.box.side_length',
      span,
    }),
  );
});

test('a registry with a scope keeps its names apart; one without finds what its scoped children have', () => {
  const run = new Registry<object>('models').child();
  const kid = new Registry<object>('models', run, undefined, { scope: 'mmkid' });
  class Net {}
  kid.registerModule()(Net);
  expect([run.get('mmkid.Net'), kid.get('Net'), kid.get('mmkid.Net'), run.get('Net')]).toEqual([
    Net,
    Net,
    Net,
    undefined,
  ]);
  expect(() => new Registry<object>('models', run, undefined, { scope: 'mmkid' })).toThrow(
    'scope mmkid exists',
  );
});
