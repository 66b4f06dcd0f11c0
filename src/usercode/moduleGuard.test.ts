// Modules that never end, in every place where their code runs, are named by their line.

import { describe, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { Linker } from './linker.ts';
import { ModuleGuard, type BusyModule } from './moduleGuard.ts';

async function linked(text: string, guard = new ModuleGuard()): Promise<Record<string, unknown>> {
  const fs = createMemoryFs({ 'a.ts': text });
  const got: Record<string, unknown> = {};
  const linker = new Linker({
    readText: (path) => fs.readText(path),
    isFile: async (path) => (await fs.stat(path))?.kind === 'file',
    roots: [''],
    builtins: { got },
    runId: 1,
    guard,
  });
  await linker.import('a.ts');
  return got;
}

const FAST = { limitS: 0.3 };

function fast(): ModuleGuard {
  const guard = new ModuleGuard();
  guard.policy = FAST;
  return guard;
}

describe('a module that never ends at import', () => {
  const cases: [string, string, number, number?][] = [
    ['for (;;)', '\n  for (;;) {}\n', 2, 3],
    ['for (;;) with an empty statement', 'for (;;);', 1, 1],
    ['while', 'let n = 0;\nwhile (true) n++;', 2, 1],
    ['do', 'do {} while (true);', 1, 1],
    ['for of', 'const l = [1];\nfor (const x of l) l.push(x);', 2, 1],
    ['a labelled loop that continues', 'a: for (;;) { for (;;) continue a; }', 1],
    ['a generator', 'function* g() { for (;;) yield 1; }\nexport const x = [...g()];', 1, 17],
    ['a getter', 'const o = { get x() { for (;;) {} } };\nexport const y = o.x;', 1, 23],
    ['a constructor', 'class A { constructor() { for (;;) {} } }\nnew A();', 1, 27],
    ['a field', 'class A { x = (() => { for (;;) {} })(); }\nnew A();', 1, 24],
    ['a static block', 'class A { static { for (;;) {} } }', 1, 20],
    ['toString', 'const o = { toString() { for (;;) {} } };\nexport const y = `${o}`;', 1, 26],
    ['a loop that catches everything inside', 'for (;;) { try { for (;;) {} } catch {} }', 1],
    ['array callbacks', 'const l = [1];\nfor (;;) l.map((x) => x);', 2],
  ];
  test.each(cases)('%s', async (_, text, line, column) => {
    const error = await linked(text, fast()).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'endless-loop',
      span: { file: 'a.ts', line, ...(column && { column }) },
    });
  });

  test('promises that follow each other without end', async () => {
    const guard = fast();
    const failed = new Promise((resolve) => process.once('unhandledRejection', resolve));
    await linked('const again = async () => {\n  await null;\n  again();\n};\nagain();\n', guard);
    expect(await failed).toMatchObject({ code: 'endless-loop' });
    expect(guard.tripped?.span).toMatchObject({ line: 1 });
  });

  test('a list that grows without end is told before memory is full', async () => {
    const guard = new ModuleGuard();
    guard.policy = { limitS: 30, roomBytes: 1e8 };
    await expect(linked('const l: object[] = [];\nfor (;;) l.push([1, 2, 3]);', guard)).rejects.toMatchObject(
      { code: 'endless-allocation', span: { line: 2 } },
    );
  });
});

describe('where nobody tells how full the heap is, what grows without end is told by its line', () => {
  const cases: [string, string, number][] = [
    ['a list', 'const l: object[] = [];\nfor (;;) l.push([1, 2, 3]);', 2],
    ['typed arrays', 'const l: Float64Array[] = [];\nfor (;;) l.push(new Float64Array(1 << 16).fill(1));', 2],
    ['a list by its places', 'const l: string[] = [];\nfor (let i = 0; ; i++) l[i] = `text ${i}`;', 2],
    ['a list made anew', 'let l: number[] = [];\nfor (;;) l = [...l, ...new Array(1e5).fill(0.5)];', 2],
    ['a map', 'const m = new Map<number, object>();\nfor (let i = 0; ; i++) m.set(i, { i });', 2],
    ['a set', 'const m = new Set<object>();\nwhile (true) m.add({});', 2],
    ['a dict', "const o: Record<string, number> = {};\nlet i = 0;\ndo o['k' + ++i] = i; while (true);", 3],
    ['a chain', 'let n: object | null = null;\nfor (;;) n = { n, x: 1 };', 2],
    [
      'a private field',
      'class A {\n  #l: object[] = [];\n  f() {\n    for (;;) this.#l.push({});\n  }\n}\nnew A().f();',
      4,
    ],
    [
      'a field',
      'class A {\n  l: object[] = [];\n  f() {\n    for (;;) this.l.push({});\n  }\n}\nnew A().f();',
      4,
    ],
    [
      'an exported name',
      'export const l: object[] = [];\nconst f = () => {\n  for (;;) l.push({});\n};\nf();',
      3,
    ],
    [
      'a function that a loop calls',
      'const l: object[] = [];\nfunction add() {\n  l.push({});\n}\nwhile (true) add();',
      2,
    ],
    ['an argument', 'function fill(l: object[]) {\n  for (;;) l.push({});\n}\nfill([]);', 2],
    ['a callback', 'const l: object[] = [];\nfor (;;) [1, 2].forEach((i) => l.push([i]));', 2],
    ['deep inside', 'const o = { a: { b: { c: [] as object[] } } };\nfor (;;) o.a.b.c.push({});', 2],
  ];
  test.each(cases)('%s', async (_, text, line) => {
    const guard = new ModuleGuard(() => null);
    guard.policy = { limitS: 30, roomBytes: 1e7 };
    await expect(linked(text, guard)).rejects.toMatchObject({
      code: 'endless-allocation',
      span: { file: 'a.ts', line },
    });
  });

  const fine: [string, string][] = [
    [
      'garbage',
      'let last: unknown;\nconst l: object[] = [];\nwhile (busy()) last = new Array(1000).fill(0);\ngot.x = last;',
    ],
    [
      'one value in many places',
      'const big = new Float64Array(1e6);\nconst l: object[] = [];\nwhile (busy()) if (l.length < 1e5) l.push(big);',
    ],
    [
      'a list that is emptied',
      'const l: object[] = [];\nwhile (busy()) {\n  l.push(new Array(1000).fill(0));\n  if (l.length > 100) l.length = 0;\n}',
    ],
    [
      'what was there before',
      'const l = Array.from({ length: 1e6 }, (_, i) => ({ i }));\nwhile (busy()) l.at(0);',
    ],
    ['a list with one far place', 'const l: number[] = [];\nwhile (busy()) l[4e8] = 1;'],
    [
      'a picture that many rows share',
      'const picture = new Uint8Array(3e6);\nconst out: object[] = [];\nwhile (busy()) if (out.length < 1e5) out.push({ picture, x: [1, 2] });',
    ],
    [
      'a map of such rows',
      'const picture = new Uint8Array(3e6);\nconst m = new Map<number, object>();\nlet i = 0;\nwhile (busy()) if (m.size < 1e4) m.set(i++, { picture });',
    ],
    [
      'lists of the same pictures',
      'const pictures = Array.from({ length: 100 }, () => new Uint8Array(3e4));\nconst out: object[] = [];\nwhile (busy()) if (out.length < 1e3) out.push({ pictures: [...pictures] });',
    ],
    [
      'views of one buffer',
      'const all = new Float32Array(5e5);\nconst out: object[] = [];\nwhile (busy()) if (out.length < 2e3) out.push(all.subarray(out.length, out.length + 5));',
    ],
    [
      'something large before many small ones',
      'const out: unknown[] = [new Float64Array(1e5)];\nwhile (busy()) if (out.length < 1e5) out.push(out.length);',
    ],
    ['two far places', 'const l: number[] = [1];\nlet i = 0;\nwhile (busy()) l[9e8] = i++;'],
    ['a ring', 'const a: { n?: object } = {};\na.n = a;\nwhile (busy()) a.n = { n: a };'],
  ];
  test.each(fine)('%s is no alarm', async (_, text) => {
    const guard = new ModuleGuard(() => null);
    guard.policy = { limitS: 30, roomBytes: 1e7 };
    const start = 'const end = performance.now() + 300;\nconst busy = () => performance.now() < end;\n';
    await linked(`import { got } from 'tabtrain';\n${start}${text}`, guard);
    expect(guard.tripped).toBeNull();
  });

  test.each([
    ['a revoked Proxy', 'const { proxy, revoke } = Proxy.revocable({}, {});\nrevoke();\nconst odd = proxy;'],
    ['a Proxy that throws', "const odd = new Proxy({}, { ownKeys() { throw new Error('no'); } });"],
    [
      'a map with its own size',
      "class M extends Map { get size(): number { throw new Error('no'); } }\nconst odd = new M([[1, 2]]);",
    ],
    [
      'a set with its own values',
      "class S extends Set { override values(): never { throw new Error('no'); } }\nconst odd = new S([1]);",
    ],
  ])('%s does no harm, and hides nothing', async (_, text) => {
    const guard = new ModuleGuard(() => null);
    guard.policy = { limitS: 30, roomBytes: 1e7 };
    await linked(
      `${text}\nconst l = [odd];\nconst end = performance.now() + 200;\nwhile (performance.now() < end) { l.at(0); Object(odd); }`,
      guard,
    );
    expect(guard.tripped).toBeNull();
    await expect(
      linked(`${text}\nconst l: unknown[] = [];\nfor (;;) l.push(odd, new Float64Array(100));`, guard),
    ).rejects.toMatchObject({ code: 'endless-allocation' });
  });

  test('no getter is asked, and a name that is not set yet does no harm', async () => {
    const guard = new ModuleGuard(() => null);
    const got = await linked(
      `import { got } from 'tabtrain';
let asked = 0;
const o = { get x() { asked++; return []; } };
const late = (touch: boolean) => {
  const end = performance.now() + 200;
  while (performance.now() < end) if (touch) { o.x.push(); notYet.push(1); }
};
late(false);
const notYet: number[] = [];
got.asked = asked;
`,
      guard,
    );
    expect(got.asked).toBe(0);
  });
});

test('a module that swallows the error is told all the same', async () => {
  await expect(linked('try {\n  for (;;) {}\n} catch {}\n', fast())).rejects.toMatchObject({
    code: 'endless-loop',
    span: { line: 2, column: 3 },
  });
});

test('while a run may be stopped by a person, a busy module is reported each second and goes on', async () => {
  const guard = new ModuleGuard();
  const heard: BusyModule[] = [];
  guard.policy = { limitS: Infinity, onBusy: (busy) => heard.push(busy) };
  await linked('const start = performance.now();\nwhile (performance.now() - start < 2900) {}\n', guard);
  expect(heard).toEqual([
    { file: 'a.ts', line: 2, column: 1, seconds: 1 },
    { file: 'a.ts', line: 2, column: 1, seconds: 2 },
  ]);
  expect(guard.tripped).toBeNull();
});

test('work that gives the thread back may be as long as it likes', async () => {
  const guard = fast();
  const got = await linked(
    `import { got } from 'tabtrain';
const wait = () => new Promise((done) => setTimeout(done));
got.work = async () => {
  for (let i = 0; i < 8; i++) {
    const start = performance.now();
    while (performance.now() - start < 100) {}
    await wait();
  }
  return 'done';
};
`,
    guard,
  );
  expect(await (got.work as () => Promise<string>)()).toBe('done');
});

describe('a name that a body declares again is the inner one, whatever the guard looks at', () => {
  const inner = [
    'const l = [n];',
    'let l = [n];',
    'class l { static push() {} }',
    'enum l { push }',
    'var m = [n]; const l = m;',
  ];
  const around: [string, (body: string) => string][] = [
    ['for', (body) => `for (let i = 0; i < 20; i++) { ${body} }`],
    ['for of', (body) => `for (const x of Array(20).fill(1)) { ${body} }`],
    ['for in', (body) => `for (const x in Array(20).fill(1)) { ${body} }`],
    ['while', (body) => `let i = 0; while (i++ < 20) { ${body} }`],
    ['do', (body) => `let i = 0; do { ${body} } while (i++ < 20)`],
    ['a function', (body) => `function f() { ${body} }\nfor (let i = 0; i < 20; i++) f();`],
    ['an arrow', (body) => `const f = () => { ${body} };\nfor (let i = 0; i < 20; i++) f();`],
    ['a method', (body) => `class A { f() { ${body} } }\nfor (let i = 0; i < 20; i++) new A().f();`],
  ];
  test.each(around)('%s', async (_, wrap) => {
    for (const declared of wrap === around[0]?.[1] ? inner : inner.slice(0, 3)) {
      const text = wrap(`wait(); ${declared} touch(l); n++;`);
      await linked(
        `let n = 0;
const l: number[] = [];
const touch = (x: unknown) => x;
const wait = () => { const end = performance.now() + 3; while (performance.now() < end); };
function all(l: number[]) { ${text} }
all(l);
{ ${text} }
`,
        new ModuleGuard(() => null),
      );
    }
  });
});

test('guards change nothing of what a module does, and its errors keep their lines', async () => {
  const got = await linked(`import { got } from 'tabtrain';
class Base { constructor(readonly n: number) {} }
class A extends Base {
  #list = [1, 2, 3];
  constructor(readonly b: string) { super(2); }
  get sum() { return this.#list.reduce((a, x) => a + x, 0); }
  set all(v: number) { this.#list = this.#list.map(() => v); }
  *each() { for (const x of this.#list) yield x; }
  async later() { for await (const x of this.each()) if (x > 1) return x; return 0; }
}
function old() { 'use strict'; return this; }
const object = () => ({ x: 1 });
const a = new A('b');
got.values = [a.n, a.b, a.sum, [...a.each()], object().x, old()];
a.all = 5;
got.sum = a.sum;
got.later = a.later();
got.names = [object.name, A.name, old.length];
for (var i = 0, s = ''; i < 3; i++) s += i;
got.s = s;
`);
  expect(got.values).toEqual([2, 'b', 6, [1, 2, 3], 1, undefined]);
  expect([got.sum, await got.later, got.names, got.s]).toEqual([15, 5, ['object', 'A', 0], '012']);
});
