// Files of the field, written by real PyTorch, through the one door that training, resuming and testing use.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BatchNorm2d, Conv2d, Module } from '../nn/index.ts';
import { inspectPth, OpaqueObject, readPth, type PthValue } from '../serialization/index.ts';
import { findTorchPython, runPython } from '../serialization/testing/torchPython.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { readCheckpoint } from './checkpoint.ts';

const python = findTorchPython() ?? '';

const WRITE = `
import argparse, collections, datetime, functools, json, os, pathlib, sys, torch, types, enum
import numpy as np
os.chdir(sys.argv[1])
torch.manual_seed(0)
class Color(enum.Enum):
    RED = 1
class HistoryBuffer:
    def __init__(self):
        self._log_history = np.array([0.5, 0.25]); self._statistics_methods = {'mean': np.mean}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 1)
        self.bn = torch.nn.BatchNorm2d(3)
net = Net()
with torch.no_grad():
    net.bn.running_var.copy_(torch.tensor([0.1, 1e-3, 60000.0]))
    net.bn.num_batches_tracked.fill_(7)
state = net.state_dict()
want = {}
for dtype in ['float16', 'bfloat16', 'float64', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool']:
    cast = {k: (v * (40 if 'int' in dtype else 1)).clamp(*((0, 200) if dtype == 'uint8' else (-1e30, 1e30))).to(getattr(torch, dtype)) for k, v in state.items()}
    torch.save({'state_dict': cast, 'meta': {}}, dtype + '.pth')
    other = Net()
    other.load_state_dict(cast)
    want[dtype] = {k: [float(x) for x in v.flatten()] for k, v in other.state_dict().items()}
want['float16_legacy'] = want['float16']
torch.save({k: v.half() for k, v in state.items()}, 'float16_legacy.pth', _use_new_zipfile_serialization=False)
json.dump(want, open('want.json', 'w'))
torch.save({k: v.to(torch.complex64) for k, v in state.items()}, 'complex.pth')
dd = collections.defaultdict(list); dd['a'].append(torch.ones(1))
odd = dict(args=argparse.Namespace(lr=0.1, nested=argparse.Namespace(x=1)), defaultdict=dd, counter=collections.Counter('aab'),
    deque=collections.deque([1, 2], maxlen=5), when=datetime.datetime(2026, 1, 2), path=pathlib.PosixPath('/a/b'),
    objects=np.array([{'a': 1}, None, 'x'], dtype=object), dates=np.array(['2020-01-01'], dtype='datetime64[D]'), enum=Color.RED,
    complex_array=np.array([1j]), scalar=np.datetime64('2020-01-01'), history=HistoryBuffer(), partial=functools.partial(int, base=2),
    simple=types.SimpleNamespace(a=1), delta=datetime.timedelta(3), module_class=torch.nn.Conv2d, sparse=torch.eye(2).to_sparse(),
    keys={(1, 'a'): 1, np.int64(3): 2, frozenset([1]): 3}, rng=torch.get_rng_state(), np_rng=np.random.get_state(), sl=slice(1, 2))
for protocol in (2, 4):
    torch.save({'state_dict': state, 'meta': {'epoch': 3, 'CLASSES': ('a', 'b'), 'odd': odd}, 'message_hub': odd}, 'odd%d.pth' % protocol, pickle_protocol=protocol)
torch.save({'state_dict': state, 'meta': {'epoch': 3}, 'message_hub': odd}, 'odd_legacy.pth', _use_new_zipfile_serialization=False)
for key in ['model', 'model_state_dict', 'net', 'weights', 'ema', 'params']:
    torch.save({'epoch': 1, key: state, 'optimizer': {'state': {}}}, 'key_%s.pth' % key)
torch.save({'model': state, 'ema': {'module': state}}, 'model_and_ema.pth')
torch.save({'generator_b': state, 'epoch': 1}, 'unknown_key.pth')
torch.save({'epoch': 1, 'lr': 0.1}, 'no_weights.pth')
torch.save(collections.defaultdict(list, state), 'defaultdict.pth')
torch.save(net, 'whole_legacy.pth', _use_new_zipfile_serialization=False)
torch.save({'epoch': 1, 'model': net}, 'whole_key.pth')
q = dict(state); q['conv.weight'] = torch.quantize_per_tensor(state['conv.weight'], 0.1, 0, torch.qint8)
torch.save({'state_dict': q}, 'quantised.pth')
torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save('script.pth')
bad = dict(state); bad['bn.bias'] = torch.tensor([1.0, float('nan'), 2.0]); torch.save(bad, 'nan.pth')
class Evil:
    def __init__(self, f, *a): self.f, self.a = f, a
    def __reduce__(self): return (self.f, self.a)
import subprocess, builtins, pickle, importlib
for i, (f, a) in enumerate([(os.system, ('touch pwned',)), (subprocess.Popen, (['touch', 'pwned'],)), (eval, ("open('pwned', 'w')",)), (exec, ('1',)), (importlib.import_module, ('os',)), (pickle.loads, (b'N.',)), (open, ('pwned', 'w')), (torch.load, ('x',)), (torch.hub.load, ('a', 'b'))]):
    torch.save({'state_dict': state, 'meta': {'x': Evil(f, *a)}}, 'evil_%d.pth' % i)
`;

class Net extends Module {
  readonly conv = this.addModule('conv', new Conv2d({ inChannels: 2, outChannels: 3, kernelSize: 1 }));
  readonly bn = this.addModule('bn', new BatchNorm2d({ numFeatures: 3 }));
}

describe.skipIf(python === '')('checkpoints by real PyTorch', () => {
  const fs = createMemoryFs();
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tabtrain-foreign-'));
    runPython(python, WRITE, folder);
    for (const name of readdirSync(folder))
      await fs.writeFile(name, new Uint8Array(readFileSync(join(folder, name))));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
  const refusal = async (name: string): Promise<string> =>
    readCheckpoint(fs, name).then(
      () => 'read',
      (error: unknown) => {
        const { code, message, hint } = error as { code: string; message: string; hint?: string };
        return `${code}: ${message} | ${hint ?? ''}`;
      },
    );

  test.each('float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool float16_legacy'.split(' '))(
    '%s: every value is what load_state_dict of PyTorch makes of it',
    async (dtype) => {
      const want = JSON.parse(readFileSync(join(folder, 'want.json'), 'utf8')) as Record<
        string,
        Record<string, number[]>
      >;
      const net = new Net();
      const { stateDict } = await readCheckpoint(fs, `${dtype}.pth`);
      expect(net.loadStateDict(stateDict).message).toBeNull();
      const got = [...(await net.stateDict())].map(([name, { data }]) => [
        name,
        Array.from<number | bigint>(data).map(Number),
      ]);
      expect(Object.fromEntries(got)).toEqual(want[dtype]);
    },
  );

  test('complex weights are refused by name', async () => {
    const { stateDict } = await readCheckpoint(fs, 'complex.pth');
    expect(() => new Net().loadStateDict(stateDict)).toThrow(
      'conv.weight: a tensor must hold real numbers to be loaded, got complex64',
    );
  });

  test.each(['odd2', 'odd4', 'odd_legacy'])(
    '%s: foreign values beside the weights stay opaque, the tensors load',
    async (name) => {
      const { stateDict, meta } = await readCheckpoint(fs, `${name}.pth`);
      expect([...stateDict.keys()]).toHaveLength(7);
      expect(meta.get('epoch')).toBe(3);
      const root = (await readPth(bytes(`${name}.pth`))) as Map<string, PthValue>;
      const odd = root.get('message_hub') as Map<string, PthValue>;
      const names = [...odd].flatMap(([key, v]) =>
        v instanceof OpaqueObject ? [`${key} ${v.qualifiedName}`] : [],
      );
      expect(names).toEqual(
        expect.arrayContaining([
          'args argparse.Namespace',
          'defaultdict collections.defaultdict',
          'counter collections.Counter',
          'deque collections.deque',
          'when datetime.datetime',
          'path pathlib.PosixPath',
          'objects numpy.ndarray',
          'history __main__.HistoryBuffer',
        ]),
      );
      const shown = JSON.stringify((await inspectPth(bytes(`${name}.pth`))).rest);
      expect(shown).toContain(
        '{"<argparse.Namespace>":{"lr":0.1,"nested":{"<argparse.Namespace>":{"x":1}}}}',
      );
      expect(shown).toContain('"<pathlib.PosixPath>":["/","a","b"]');
    },
  );

  test.each(['model', 'model_state_dict', 'net', 'weights', 'ema', 'params'])(
    'weights under the key %s are found, and it is said',
    async (key) => {
      const { stateDict, notes } = await readCheckpoint(fs, `key_${key}.pth`);
      expect(new Net().loadStateDict(stateDict).message).toBeNull();
      expect(notes).toEqual([`the weights of key_${key}.pth were read from its key '${key}'`]);
    },
  );

  test('the trained model goes before its average; a defaultdict is a state dict too', async () => {
    expect((await readCheckpoint(fs, 'model_and_ema.pth')).notes).toEqual([
      "the weights of model_and_ema.pth were read from its key 'model' (ema.module holds weights too)",
    ]);
    expect((await readCheckpoint(fs, 'defaultdict.pth')).stateDict.size).toBe(7);
  });

  test('what holds no state dict is named for what it is, with what to do', async () => {
    expect(await refusal('unknown_key.pth')).toMatch(
      /^no-state-dict: .*its keys are generator_b, epoch \| .*\['generator_b'\]/,
    );
    expect(await refusal('no_weights.pth')).toMatch(/^no-state-dict: .*its keys are epoch, lr \|/);
    expect(await refusal('whole_legacy.pth')).toMatch(
      /^whole-model: .*class __main__\.Net.* \| .*model\.state_dict\(\)/,
    );
    expect(await refusal('whole_key.pth')).toMatch(/^whole-model: /);
    expect(await refusal('quantised.pth')).toMatch(
      /^unsupported: .*conv\.weight of quantised\.pth is quantised \| .*dequantize/,
    );
    expect(await refusal('script.pth')).toMatch(/^unsupported: .*TorchScript.* \| .*torch\.jit\.load/);
  });

  test('inspect shows a whole model with the names of its state dict', async () => {
    const { tensors } = await inspectPth(bytes('whole_key.pth'));
    expect(tensors.map(({ key }) => key)).toContain('model.bn.running_var');
  });

  test('weights that are not finite are warned about by name', async () => {
    const { stateDict } = await readCheckpoint(fs, 'nan.pth');
    const { notFinite, warnings } = new Net().loadStateDict(stateDict);
    expect(notFinite).toEqual(['bn.bias']);
    expect(warnings.join()).toContain('NaN or infinite in bn.bias');
  });

  test('a file that would run something in Python is refused by the name of it, and nothing runs', async () => {
    for (let i = 0; i < 9; i++)
      expect(await refusal(`evil_${i}.pth`)).toMatch(/^unsafe-global: .*would execute/);
    expect(readdirSync(folder)).not.toContain('pwned');
  });
});
