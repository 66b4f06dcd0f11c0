// load_checkpoint.json: what is loaded into a model and what is told, from files of our own writing that hold what each
// case describes.

import { FloatBuffer, IntBuffer, Module, Parameter } from '../../src/nn/index.ts';
import type { LoadOptions } from '../../src/nn/stateDict.ts';
import { readCheckpoint } from '../../src/runner/checkpoint.ts';
import { OrderedMap, TorchTensor, writePth, type PthValue } from '../../src/serialization/index.ts';
import { createMemoryFs } from '../../src/storage/memoryFs.ts';
import type { FileSystem } from '../../src/contracts/fileSystem.ts';
import { allOf, compare } from './hookOrderRig.ts';
import { failed, type FixtureCase, type ParityOutcome } from './types.ts';

interface LoadCase extends FixtureCase {
  readonly strict: boolean;
  readonly file_keys: readonly string[];
  readonly model_keys: readonly string[];
  readonly loaded_keys?: readonly string[];
  readonly log?: readonly (readonly [string, string])[];
  readonly error?: { readonly type: string; readonly observed_message: string };
}

const PATH = 'checkpoint_dir/x.pth';
/** What every tensor of the file holds; the model begins with zeros. */
const VALUE = 7;

/** Shapes by the last two parts of a name; those the cases tell are the cases' own. */
function shapeOf(name: string): number[] {
  if (name.endsWith('num_batches_tracked')) return [];
  if (name.endsWith('conv1.weight')) return [4, 3, 1, 1];
  if (name.endsWith('head.weight')) return [2, 4];
  return name.endsWith('head.bias') ? [2] : [4];
}

export async function runLoadCheckpoint(fixtureCase: FixtureCase): Promise<ParityOutcome> {
  const one = fixtureCase as LoadCase;
  const description = one.id;
  const fs = createMemoryFs();
  await writeFile(fs, one, description);
  const model = new KeyedModel(one.model_keys);
  const options: LoadOptions = {
    strict: one.strict,
    ...(description === 'revise_keys' && { prefixRevisions: [[/^net\./, '']] }),
  };
  let message: string | null;
  try {
    const { stateDict } = await readCheckpoint(fs, PATH);
    ({ message } = model.loadStateDict(stateDict, options));
  } catch (error) {
    if (!one.error) return failed(String(error));
    return compare('error', error instanceof Error ? error.message : '', one.error.observed_message);
  }
  if (one.error) return failed(`wanted an error of type ${one.error.type}`);
  const warning = one.log?.find(([level]) => level === 'WARNING')?.[1] ?? null;
  return allOf(
    compare('loaded', (await model.loaded()).sort(), [...(one.loaded_keys ?? [])].sort()),
    compare('warning', message, warning),
  );
}

async function writeFile(fs: FileSystem, one: LoadCase, description: string): Promise<void> {
  const state = new OrderedMap<string, PthValue>();
  for (const name of one.file_keys) {
    let shape = shapeOf(name);
    if (description.startsWith('shape mismatch') && name === 'head.weight') shape = [3, 4];
    if (description === 'scalar vs 1-element' && shape.length === 0) shape = [1];
    const size = shape.reduce((a, b) => a * b, 1);
    const isInt = name.endsWith('num_batches_tracked');
    const tensor = isInt
      ? new TorchTensor({ shape, dtype: 'int64', data: new BigInt64Array(size).fill(BigInt(VALUE)) })
      : new TorchTensor({ shape, dtype: 'float32', data: new Float32Array(size).fill(VALUE) });
    state.set(name, tensor);
  }
  const wrapped: PthValue = new Map<string, PthValue>([['state_dict', state]]);
  const content =
    description === 'not a dict' ? [1, 2] : description === 'wrapped in state_dict' ? wrapped : state;
  const writer = await fs.createWriter(PATH);
  await writePth(content, writer);
  await writer.close();
}

/** A tree of modules with exactly the given names. */
class KeyedModel extends Module {
  readonly #items = new Map<string, Parameter | FloatBuffer | IntBuffer>();

  constructor(keys: readonly string[]) {
    super();
    const modules = new Map<string, Module>([['', this]]);
    const moduleAt = (path: string): Module => {
      const known = modules.get(path);
      if (known) return known;
      const cut = path.lastIndexOf('.');
      const made = moduleAt(cut === -1 ? '' : path.slice(0, cut)).addModule(
        path.slice(cut + 1),
        new Branch(),
      );
      modules.set(path, made);
      return made;
    };
    for (const name of keys) {
      const cut = name.lastIndexOf('.');
      this.#items.set(
        name,
        addItem(moduleAt(name.slice(0, Math.max(0, cut))), name.slice(cut + 1), shapeOf(name)),
      );
    }
  }

  /** Names of what holds the file's values. */
  async loaded(): Promise<string[]> {
    const names: string[] = [];
    for (const [name, item] of this.#items) {
      const values = item instanceof IntBuffer ? [item.value] : [...(await item.toTorch())];
      if (values.every((value) => value === VALUE)) names.push(name);
    }
    return names;
  }
}

class Branch extends Module {}

function addItem(module: Module, key: string, shape: number[]): Parameter | FloatBuffer | IntBuffer {
  if (key === 'num_batches_tracked') return module.addBuffer(key, new IntBuffer());
  if (key.startsWith('running_')) return module.addBuffer(key, new FloatBuffer(shape));
  return module.addParameter(key, new Parameter(shape));
}
