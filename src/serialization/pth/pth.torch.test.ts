// Checkpoints go to real PyTorch and come back.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Tuple } from '../../util/tuple.ts';
import { findTorchPython, runPython } from '../testing/torchPython.ts';
import { bytesOf } from './dtypes.ts';
import { inspectPth } from './inspectPth.ts';
import { readPth } from './readPth.ts';
import { OrderedMap, PyFloat, TorchTensor, type PthKey, type PthValue } from './values.ts';
import { encodePth } from './writePth.ts';

const python = findTorchPython() ?? '';

const make = (dtype: TorchTensor['dtype'], shape: number[], data: TorchTensor['data']): TorchTensor =>
  new TorchTensor({ dtype, shape, data });

function checkpoint(): Map<PthKey, PthValue> {
  const weight = make('float32', [2, 3], Float32Array.of(1.5, -0, 3.4e38, 1e-45, NaN, 0.1));
  const state = new OrderedMap<PthKey, PthValue>([
    ['backbone.conv1.weight', weight],
    ['backbone.bn1.num_batches_tracked', make('int64', [], BigInt64Array.of(9007199254740993n))],
    ['f64', make('float64', [1], Float64Array.of(1e-300))],
    ['f16', make('float16', [2], Uint16Array.of(0x3e00, 0x7c00))],
    ['bf16', make('bfloat16', [2], Uint16Array.of(0x3fc0, 0xff80))],
    ['i32', make('int32', [2], Int32Array.of(-(2 ** 31), 7))],
    ['i16', make('int16', [1], Int16Array.of(-32768))],
    ['i8', make('int8', [1], Int8Array.of(-128))],
    ['u8', make('uint8', [1], Uint8Array.of(255))],
    ['bool', make('bool', [2], Uint8Array.of(1, 0))],
    ['empty', make('float32', [0, 3], new Float32Array())],
    ['tied', weight],
  ]);
  return new Map<PthKey, PthValue>([
    [
      'meta',
      new Map<PthKey, PthValue>([
        ['epoch', 12],
        ['iter', 70000],
        ['seed', null],
        ['big', 2n ** 70n],
        ['neg', -300],
        ['ok', true],
        ['config', "model = dict(type='RetinaNet')\n# ü 中\n"],
        ['CLASSES', Tuple.of<PthValue>('RBC', 'WBC', 'Platelets', 'x')],
        [
          'hook_msgs',
          new Map<PthKey, PthValue>([
            ['best_score', 0.5],
            ['whole', new PyFloat(1)],
          ]),
        ],
      ]),
    ],
    ['state_dict', state],
    [
      'optimizer',
      new Map<PthKey, PthValue>([
        [
          'state',
          new Map<PthKey, PthValue>([
            [0, new Map([['momentum_buffer', make('float32', [2, 3], new Float32Array(6).fill(0.25))]])],
          ]),
        ],
        [
          'param_groups',
          [
            new Map<PthKey, PthValue>([
              ['lr', 0.02],
              ['betas', Tuple.of<PthValue>(0.9, 0.999)],
              ['params', [0]],
            ]),
          ],
        ],
      ]),
    ],
  ]);
}

const DESCRIBE = `
import json, sys, zlib, torch
from collections import OrderedDict
v = torch.load(sys.argv[1])
def walk(x):
    if isinstance(x, torch.Tensor):
        t = x.contiguous().flatten()
        if t.dtype == torch.bfloat16: t = t.view(torch.int16)
        return [str(x.dtype)[6:], list(x.shape), t.numpy().tobytes().hex()]
    if isinstance(x, dict): return [type(x).__name__, [[repr(k), walk(w)] for k, w in x.items()]]
    if isinstance(x, (list, tuple)): return [type(x).__name__, [walk(w) for w in x]]
    return repr(x)
print(json.dumps(dict(value=walk(v), tied=v['state_dict']['tied'] is v['state_dict']['backbone.conv1.weight'])))
torch.save(v, sys.argv[2]); torch.save(v, sys.argv[3], _use_new_zipfile_serialization=False)
`;

describe.runIf(python)('checkpoints and real PyTorch', () => {
  let folder = '';
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'tabtrain-pth-'))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);

  test('torch.load gives every value and bit, and what torch.save makes of it reads the same', async () => {
    const value = checkpoint();
    writeFileSync(file('ours.pth'), await encodePth(value));
    const printed = runPython(python, DESCRIBE, file('ours.pth'), file('zip.pth'), file('legacy.pth'));
    const seen = JSON.parse(printed) as { value: unknown; tied: boolean };
    expect(seen.tied).toBe(true);
    expect(seen.value).toEqual(describePython(value));
    for (const name of ['zip.pth', 'legacy.pth']) {
      const back = await readPth(new Uint8Array(readFileSync(file(name))), { keepFloats: true });
      expect(back).toEqual(value);
    }
  });

  test('the restricted loader (weights_only) reads what has no float', async () => {
    const value = new Map([['state_dict', checkpoint().get('state_dict') ?? null]]);
    writeFileSync(file('weights.pth'), await encodePth(value));
    const script =
      'import sys, torch; v = torch.load(sys.argv[1], weights_only=True); print(len(v["state_dict"]))';
    expect(runPython(python, script, file('weights.pth')).trim()).toBe('12');
  });

  test('pickles hold only the opcodes and names that the restricted loader of PyTorch 2 knows', async () => {
    writeFileSync(file('ours.pth'), await encodePth(checkpoint()));
    const script = `
import json, sys, zipfile, pickletools
ops = list(pickletools.genops(zipfile.ZipFile(sys.argv[1]).read('archive/data.pkl')))
print(json.dumps([sorted({o.name for o, a, p in ops}), sorted({a for o, a, p in ops if o.name == 'GLOBAL'})]))`;
    const [ops, globals] = JSON.parse(runPython(python, script, file('ours.pth'))) as [string[], string[]];
    // torch/_weights_only_unpickler.py, commit 00f730b of PyTorch (2026)
    const known =
      'APPEND APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPERSID BINPUT BINUNICODE BUILD EMPTY_DICT EMPTY_LIST ' +
      'EMPTY_SET EMPTY_TUPLE GLOBAL LONG1 LONG_BINGET LONG_BINPUT MARK NEWFALSE NEWOBJ NEWTRUE NONE PROTO REDUCE ' +
      'SETITEM SETITEMS SHORT_BINSTRING STOP TUPLE TUPLE1 TUPLE2 TUPLE3';
    expect(ops.filter((op) => !known.split(' ').includes(op))).toEqual([]);
    const storages = globals.filter((name) => /^torch [A-Za-z0-9]+Storage$/.test(name));
    expect(globals.filter((name) => !storages.includes(name))).toEqual([
      'collections OrderedDict',
      'torch._utils _rebuild_tensor_v2',
    ]);
  });

  test('a module and an optimizer take our state, and the CRCs of inspect are those of the bytes in PyTorch', async () => {
    const weight = make('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    const bias = make('float32', [2], Float32Array.of(7, 8));
    const group = new Map<PthKey, PthValue>([
      ['lr', 0.02],
      ['momentum', 0.9],
      ['dampening', 0],
      ['weight_decay', 0.0001],
      ['nesterov', false],
      ['maximize', false],
      ['foreach', null],
      ['differentiable', false],
      ['params', [0, 1]],
    ]);
    const bytes = await encodePth({
      state_dict: new OrderedMap<PthKey, PthValue>([
        ['weight', weight],
        ['bias', bias],
      ]),
      optimizer: {
        state: new Map([
          [0, { momentum_buffer: weight }],
          [1, { momentum_buffer: bias }],
        ]),
        param_groups: [group],
      },
    });
    writeFileSync(file('sgd.pth'), bytes);
    const script = `
import json, sys, zlib, torch
c = torch.load(sys.argv[1])
m = torch.nn.Linear(3, 2); m.load_state_dict(c['state_dict'])
o = torch.optim.SGD(m.parameters(), lr=1, momentum=0.5); o.load_state_dict(c['optimizer'])
crc = [zlib.crc32(p.detach().numpy().tobytes()) for p in m.parameters()]
m(torch.ones(1, 3)).sum().backward(); o.step()
print(json.dumps([crc, m.bias.tolist(), o.param_groups[0]['lr']]))`;
    const [crcs, stepped, lr] = JSON.parse(runPython(python, script, file('sgd.pth'))) as [
      number[],
      number[],
      number,
    ];
    const { tensors } = await inspectPth(bytes);
    expect(tensors.slice(0, 2).map((t) => parseInt(t.crc32, 16))).toEqual(crcs);
    expect(lr).toBe(0.02);
    // v = 0.9 * 7 + (1 + 0.0001 * 7); b = 7 - 0.02 * v
    expect(stepped[0]).toBeCloseTo(7 - 0.02 * (0.9 * 7 + 1 + 0.0007), 5);
  });
});

/** What DESCRIBE prints of a value. */
function describePython(value: PthValue): unknown {
  if (value instanceof TorchTensor)
    return [value.dtype, value.shape, Buffer.from(bytesOf(value.data)).toString('hex')];
  if (value instanceof OrderedMap) return ['OrderedDict', pairs(value)];
  if (value instanceof Map) return ['dict', pairs(value)];
  if (value instanceof Tuple) return ['tuple', value.map(describePython)];
  if (Array.isArray(value)) return ['list', value.map(describePython)];
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof PyFloat) return value.value.toFixed(1);
  if (typeof value === 'string')
    return `${value.includes("'") ? '"' : "'"}${value.replaceAll('\n', '\\n')}${value.includes("'") ? '"' : "'"}`;
  return String(value);
}

const pairs = (map: Map<PthKey, PthValue>): unknown[] =>
  [...map].map(([key, item]) => [describePython(key as PthValue), describePython(item)]);
