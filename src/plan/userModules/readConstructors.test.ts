// A person's classes take the arguments that their constructors name, and no others.

import { beforeAll, describe, expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../../errors/trainerError.ts';
import { BuildContext } from '../../registry/buildContext.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import { createUserModules } from '../ownModules.ts';
import '../registerAll.ts';

const MODULE = `import { Hook, HOOKS, Optimizer, OPTIMIZERS, SGD, type BuildContext, type OptimizerConstructorArgs, type SgdArgs } from 'tabtrain';

interface Base { a: number }
interface Args extends Base { b?: number | null; momentumDecay: number | undefined; names?: string[] }
type Both = Readonly<Args> & { c: string };

@HOOKS.registerModule()
export class Typed extends Hook {
  constructor(readonly args: Both) { super(); }
}
@HOOKS.registerModule()
export class Pattern extends Hook {
  constructor({ a, b = 1, momentumDecay, c: renamed }: Both) { super(); void [a, b, momentumDecay, renamed]; }
}
@HOOKS.registerModule()
export class Inline extends Hook {
  constructor({ a, 'b': quoted, list }: { a: number; b: number; list?: readonly number[] }) { super(); void [a, quoted, list]; }
}
@HOOKS.registerModule()
export class Partly extends Hook {
  constructor({ a, b }: Partial<Inner> & { a: number }) { super(); void [a, b]; }
}
interface Inner { a: number; b: number }
@HOOKS.registerModule()
export class Imported extends Hook {
  constructor({ optimizerCfg, paramwiseCfg }: OptimizerConstructorArgs) { super(); void [optimizerCfg, paramwiseCfg]; }
}
@HOOKS.registerModule()
export class Anything extends Hook {
  constructor({ a, ...rest }: { a: number; [key: string]: unknown }) { super(); void [a, rest]; }
}
@HOOKS.registerModule()
export class Whole extends Hook {
  constructor(readonly args: Record<string, unknown>, readonly context: BuildContext) { super(); }
}
@HOOKS.registerModule()
export class Nothing extends Hook {}
@HOOKS.registerModule()
export class Child extends Pattern {}
@HOOKS.registerModule()
export class Loose extends Hook {
  constructor(a: any, b?: any) { super(); void [a, b]; }
}
@HOOKS.registerModule()
export class OpenChild extends Pattern {
  constructor(args: Record<string, unknown>) { super({ a: 1, momentumDecay: 1, c: 'c', ...args }); }
}
@HOOKS.registerModule()
export class Declared extends Hook {
  static readonly args = { optional: ['only'] };
  constructor({ other }: { other?: number }) { super(); void other; }
}
@HOOKS.registerModule()
export class Snake extends Hook {
  constructor({ weight_decay }: { weight_decay: number }) { super(); void weight_decay; }
}
@HOOKS.registerModule()
export class Bare { constructor() {} }
@HOOKS.registerModule()
class SideBySide extends Hook {
  constructor(a: number, b: number) { super(); void [a, b]; }
}
@OPTIMIZERS.registerModule()
export class Python extends Optimizer {
  constructor(params: never, a: number, b: number, c: number) { super(params, { lr: a * b * c }); }
  override step(): void {}
}
@OPTIMIZERS.registerModule()
export class ScaledSGD extends SGD {
  constructor({ scale = 1, ...args }: SgdArgs & { scale?: number }) { super({ ...args, lr: (args.lr ?? 1) * scale }); }
}
export { SideBySide };
`;
const PLAIN = `import { Hook, HOOKS } from 'tabtrain';
export const Js = HOOKS.registerModule()(class Js extends Hook {
  constructor({ a, b = 2 }) { super(); this.a = a + b; }
});
`;

const modules = createUserModules();
const context = new BuildContext(modules.registries, {
  fs: createMemoryFs({ 'workspace/m.ts': MODULE, 'workspace/plain.js': PLAIN }),
  decodeImage: () => Promise.reject(new Error('no pictures here')),
  seed: 0,
  warn: () => undefined,
});

beforeAll(() => modules.import('workspace/a.py', { custom_imports: { imports: ['m', 'plain'] } }, context));

/** @returns what a person reads, or `built` */
function building(cfg: Record<string, unknown>, kind: 'HOOKS' | 'OPTIMIZERS' = 'HOOKS'): string {
  try {
    context.build(kind, cfg, 'here');
    return 'built';
  } catch (error) {
    return formatReport(toErrorReport(error));
  }
}

describe('arguments that a class does not know', () => {
  const refused: [string, Record<string, unknown>, string][] = [
    ['an own type', { type: 'Typed', a: 1, momentum_decay: 0, c: '', d: 1 }, 'd'],
    [
      'a pattern: what its type has besides is not taken',
      { type: 'Pattern', a: 1, momentum_decay: 0, c: '', names: [] },
      'names',
    ],
    ['a type literal', { type: 'Inline', a: 1, b: 1, d: 1 }, 'd'],
    ['an imported type', { type: 'Imported', d: 1 }, 'd'],
    ['no constructor', { type: 'Nothing', d: 1 }, 'd'],
    ['neither constructor nor base', { type: 'Bare', d: 1 }, 'd'],
    ['a base class of theirs', { type: 'Child', a: 1, momentum_decay: 0, c: '', d: 1 }, 'd'],
    ['own `static args`', { type: 'Declared', other: 1 }, 'other'],
    ['JavaScript', { type: 'Js', a: 1, d: 1 }, 'd'],
    ['camelCase', { type: 'Pattern', a: 1, momentumDecay: 0, c: '' }, 'momentumDecay'],
  ];
  test.each(refused)('%s', (_, cfg, key) => {
    expect(building(cfg)).toContain(
      `${String(cfg['type'])} got an unexpected argument '${key}'\n  at here.${key}`,
    );
  });

  test('the others are listed', () => {
    expect(building({ type: 'Inline', a: 1, b: 1, d: 1 })).toContain('hint: it takes: a, b, list');
    expect(building({ type: 'Pattern', zzzz: 1 })).toContain('hint: it takes: a, c, b, momentum_decay');
    expect(building({ type: 'Nothing', zzzz: 1 })).toContain('it takes: no arguments');
  });

  test('a rest goes to the base class, which knows its own', () => {
    const cfg = { type: 'ScaledSGD', params: [{ params: [] }], lr: 0.1, scale: 2 };
    expect(building(cfg, 'OPTIMIZERS')).toBe('built');
    expect(building({ ...cfg, momentun: 0.9 }, 'OPTIMIZERS')).toMatchInlineSnapshot(`
      "ScaledSGD got an unexpected argument 'momentun'
        at here.momentun
        hint: did you mean 'momentum'?"
    `);
  });

  test('a name with underscores in the constructor can not be reached', () => {
    expect(building({ type: 'Snake', weight_decay: 1 })).toMatchInlineSnapshot(`
      "Snake got an unexpected argument 'weight_decay'
        at here.weight_decay
        hint: arguments arrive in camelCase: call it weightDecay in the constructor of Snake"
    `);
  });
});

describe('what is taken', () => {
  const taken: Record<string, unknown>[] = [
    { type: 'Typed', a: 1, c: '', momentum_decay: 1 },
    { type: 'Typed', a: 1, b: null, c: '', names: ['x'] },
    { type: 'Pattern', a: 1, c: 'x' },
    { type: 'Inline', a: 1, b: 1, list: [1, 2] },
    { type: 'Partly', a: 1 },
    { type: 'Imported' },
    { type: 'Anything', a: 1, x: 1, y: 2 },
    { type: 'Whole', x: 1, args: 2 },
    { type: 'Nothing' },
    { type: 'OpenChild', x: 1 },
    { type: 'Declared', only: 1 },
    { type: 'Js', a: 1, b: 2 },
  ];
  test.each(taken)('%j', (cfg) => {
    expect(building(cfg)).toBe('built');
  });
});

test('a missing argument is told, with the way to make it optional', () => {
  expect(building({ type: 'Pattern', a: 1 })).toMatchInlineSnapshot(`
    "Pattern is missing the required argument 'c'
      at here
      hint: write c=… inside here, or give it a default in the constructor of Pattern: { c = … }"
  `);
  expect(building({ type: 'Js', b: 1 })).toContain("Js is missing the required argument 'a'");
});

test('what is written as a number or a text must be one', () => {
  expect(building({ type: 'Pattern', a: 'x', c: 'x' })).toMatchInlineSnapshot(`
    "Pattern: a must be a number, but got 'x'
      at here.a"
  `);
  expect(building({ type: 'Typed', a: 1, c: 2 })).toContain('Typed: c must be a string, but got 2');
  expect(building({ type: 'Typed', a: null, c: '' })).toContain('Typed: a must be a number, but got None');
  expect(building({ type: 'Inline', a: 1, b: 1, list: 3 })).toContain(
    'list must be a list or tuple of numbers',
  );
});

test("Python's constructor, its arguments side by side, is told at its line", () => {
  const cfg = { type: 'Python', params: [], a: 1, b: 2, c: 3 };
  expect(building(cfg, 'OPTIMIZERS')).toMatchInlineSnapshot(`
    "Python must take its arguments as one object, but its constructor takes params, a, b, c side by side
      at here (workspace/m.ts:65:15)
      hint: write constructor({ params, a, b, c })"
  `);
  expect(building({ type: 'Loose', a: 1 })).toContain('constructor takes a, b side by side');
  expect(building({ type: 'Loose', x: 1 })).toBe('built');
  expect(building({ type: 'SideBySide', a: 1, b: 2 })).toContain('(workspace/m.ts:61:15)');
});
