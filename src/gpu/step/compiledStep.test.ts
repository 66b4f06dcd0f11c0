import { afterAll, beforeAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';
import { values } from '../testing/numbers.ts';
import { at, take } from '../../util/at.ts';

beforeAll(async () => {
  await testAdapter();
});
afterAll(() => {
  gpu.disposeEngine();
});

interface Batch {
  readonly image: Float32Array;
  readonly goal: Float32Array;
  readonly size: number;
}

const batch = (seed: number, size = 8): Batch => ({
  image: values(2 * size * size * 3, seed),
  goal: values(2 * (size / 4) * (size / 4) * 5, seed + 1),
  size,
});

function makeVariable(shape: number[], seed: number): gpu.Variable {
  const initial = gpu.tensor(
    values(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );
  const v = gpu.variable(initial);
  initial.dispose();
  return v;
}

/** A small net with batch norm, whose running mean is updated in place, and a fused loss. */
function makeNet(): {
  weights: gpu.Variable[];
  running: gpu.Variable;
  body: (b: Batch) => gpu.StepOutputs;
  dispose: () => void;
} {
  const weights = [
    makeVariable([3, 3, 3, 4], 1),
    makeVariable([4], 2),
    makeVariable([4], 3),
    makeVariable([3, 3, 4, 5], 4),
    makeVariable([5], 5),
  ];
  const running = makeVariable([4], 6);
  const body = (b: Batch): gpu.StepOutputs => {
    const result = gpu.valueAndGrads(() => {
      const image = gpu.stepInput(b, (args) => args.image, [2, b.size, b.size, 3]);
      const goal = gpu.stepInput(b, (args) => args.goal, [2, b.size / 4, b.size / 4, 5]);
      const x = gpu.conv2d(image, at(weights, 0), null, { stride: [2, 2], padding: [1, 1] });
      const { y, mean } = gpu.batchNormTrain(x, at(weights, 1), at(weights, 2), 1e-5, 'relu');
      gpu.runElementwise({
        name: 'track',
        body: 'r = 0.9 * r + 0.1 * m;',
        reads: { m: mean },
        writes: { r: running },
      });
      const out = gpu.conv2d(y, at(weights, 3), at(weights, 4), { stride: [2, 2], padding: [1, 1] });
      return { loss: gpu.smoothL1Loss(out, goal, null, 1), aux: [out] };
    }, weights);
    return { outputs: [result.loss, ...result.aux, ...result.grads.filter((grad) => grad !== null)] };
  };
  return { weights, running, body, dispose: () => gpu.dispose([...weights, running]) };
}

async function readAll(tensors: readonly gpu.Tensor[]): Promise<number[][]> {
  const all = await Promise.all(tensors.map((t) => gpu.read(t)));
  return all.map((data) => [...new Uint32Array(data.buffer, data.byteOffset, data.length)]);
}

test('compiled and eager steps give the same bits, step after step and for several shapes', async () => {
  const seen: string[] = [];
  const results = [];
  for (const eager of [true, false]) {
    const net = makeNet();
    const step = gpu.compileStep<Batch>(
      {
        name: 'test',
        signature: (b) => String(b.size),
        body: net.body,
        onFallback: (reason) => seen.push(reason),
      },
      { eager },
    );
    const rows: number[][][] = [];
    for (const [seed, size] of [
      [1, 8],
      [2, 8],
      [3, 8],
      [4, 12],
      [5, 8],
      [6, 12],
      [7, 16],
      [8, 8],
    ] as const) {
      const { outputs } = step.run(batch(seed, size));
      rows.push(await readAll(outputs));
      gpu.dispose(outputs);
    }
    rows.push(await readAll([net.running]));
    results.push(rows);
    expect(step.dispatchCount > 0).toBe(!eager);
    step.dispose();
    net.dispose();
  }
  expect(seen).toEqual([]);
  expect(results[1]).toEqual(results[0]);
});

test('a compiled step leaves tensors and bytes where they were', async () => {
  const start = gpu.memory();
  const net = makeNet();
  const step = gpu.compileStep<Batch>({ name: 'test', signature: () => '', body: net.body });
  const run = async (): Promise<gpu.GpuMemory> => {
    gpu.dispose(step.run(batch(1)).outputs);
    await gpu.onIdle();
    return gpu.memory();
  };
  for (let i = 0; i < 10; i++) await run();
  const after10 = await run();
  for (let i = 0; i < 50; i++) await run();
  expect(await run()).toEqual(after10);
  step.dispose();
  net.dispose();
  expect(gpu.memory().numTensors).toBe(start.numTensors);
  gpu.trimMemory();
});

test('variants are measured once, remembered, and give the same bits in deterministic mode', async () => {
  const net = makeNet();
  const definition = { name: 'test', signature: (b: Batch) => String(b.size), body: net.body };
  const before = gpu.compileStep<Batch>(definition);
  const reference = before.run(batch(1)).outputs;
  const expected = await readAll(reference);
  const kept: Record<string, string>[] = [];
  gpu.setVariantTuning({ isDeterministic: true, onMeasured: (choices) => kept.push(choices) });
  try {
    const step = gpu.compileStep<Batch>(definition);
    // A profile that was begun before goes on afterwards.
    gpu.startProfile();
    expect(await step.prepare(batch(1))).not.toBeNull();
    const { outputs } = step.run(batch(1));
    expect(await readAll(outputs)).toEqual(expected);
    expect((await gpu.endProfile()).reduce((sum, row) => sum + row.dispatches, 0)).toBe(step.dispatchCount);
    expect(kept.length).toBe(1);
    expect(Object.keys(at(kept, 0)).some((key) => key.startsWith('conv2d'))).toBe(true);
    expect(gpu.variantChoices()).toEqual(kept[0]);
    // Known now: a second step measures nothing.
    const again = gpu.compileStep<Batch>(definition);
    await again.prepare(batch(1));
    expect(kept.length).toBe(1);
    gpu.dispose([...outputs, ...reference]);
    for (const s of [before, step, again]) s.dispose();
  } finally {
    gpu.setVariantTuning(null);
    gpu.setVariantChoices({});
    net.dispose();
  }
});

test('an output with a place is written there, and a number that changes reaches the replay', async () => {
  const source = makeVariable([4], 1);
  const place = makeVariable([4], 2);
  let factor = 1;
  let count = 0;
  const step = gpu.compileStep<number>({
    name: 'test',
    signature: () => '',
    body: (args) => {
      const added = gpu.stepInput(args, (a) => Float32Array.of(a, a, a, a), [4]);
      const out = gpu.relu(added);
      gpu.onStep(() => (count += 1));
      gpu.runElementwise({
        name: 'live',
        body: 'y = y * u.factor + s;',
        reads: { s: source },
        writes: { y: out },
        uniforms: { factor },
        liveUniforms: () => ({ factor }),
      });
      return { outputs: [out], places: [place] };
    },
  });
  const base = await gpu.read(source);
  for (factor = 1; factor <= 4; factor++) {
    const [out] = take(step.run(factor).outputs, 1);
    expect(out.dataId).toBe(place.dataId);
    expect(await gpu.read(place)).toEqual(base.map((v) => Math.fround(factor * factor + v)));
    out.dispose();
  }
  expect(count).toBe(4);
  expect(step.fallbackReason).toBeNull();
  step.dispose();
  gpu.dispose([source, place]);
});

test('what a replay could not repeat falls back to eager, with one reason that names it', async () => {
  const source = makeVariable([4], 1);
  let calls = 0;
  const bodies: Record<string, () => gpu.StepOutputs> = {
    'a readback': () => {
      const out = gpu.relu(source);
      void gpu.read(out).catch(() => undefined);
      return { outputs: [out] };
    },
    'a changing number': () => {
      const out = gpu.relu(source);
      calls += 1;
      gpu.runElementwise({
        name: 'plus',
        body: 'y = y + u.n;',
        writes: { y: out },
        uniforms: { n: calls },
      });
      return { outputs: [out] };
    },
    'changing values': () => {
      const out = gpu.relu(source);
      calls += 1;
      gpu.addInto(out, gpu.tensor([calls, 0, 0, 0], [4]));
      return { outputs: [out] };
    },
  };
  const reasons: Record<string, string[]> = {};
  for (const [name, body] of Object.entries(bodies)) {
    reasons[name] = [];
    const step = gpu.compileStep<null>({
      name,
      signature: () => '',
      body,
      onFallback: (reason) => reasons[name]?.push(reason),
    });
    for (let i = 0; i < 4; i++) {
      const { outputs } = step.run(null);
      await gpu.onIdle();
      gpu.dispose(outputs);
    }
    step.dispose();
  }
  expect(reasons).toMatchInlineSnapshot(`
    {
      "a changing number": [
        "a number that 'plus' takes, which changes from step to step,",
      ],
      "a readback": [
        "a readback inside the step",
      ],
      "changing values": [
        "a tensor that 'addInto' takes, which changes from step to step,",
      ],
    }
  `);
  source.dispose();
});
