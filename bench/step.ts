// One training step (forward + backward) of a small RetinaNet-like net on this machine's adapter: median ms, GPU ms per
// kind of program, JavaScript ms, and whether tensors leak. Usage: npx tsx bench/step.ts [steps] [--profile]
import * as gpu from '../src/gpu/index.ts';
import { installNodeGpu } from '../src/gpu/nodeGpu.ts';

type T = gpu.Tensor;

const BATCH = 8;
const HEIGHT = 128;
const WIDTH = 160;
const BASE = 16;
const NECK = 32;
const ANCHORS = 9;
const CLASSES = 3;

const variables: gpu.Variable[] = [];

function parameter(shape: number[], make: (i: number) => number): gpu.Variable {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = gpu.tensor(
    Float32Array.from({ length: size }, (_, i) => make(i)),
    shape,
  );
  const v = gpu.variable(values);
  values.dispose();
  variables.push(v);
  return v;
}

function conv(
  c: number,
  f: number,
  k: number,
  stride: number,
  withBias = false,
): (x: T, relu?: boolean) => T {
  const scale = Math.sqrt(2 / (k * k * c));
  const w = parameter([k, k, c, f], (i) => Math.sin(i * 12.9898 + 1) * scale);
  const bias = withBias ? parameter([f], () => 0) : null;
  const pad = Math.floor(k / 2);
  return (x, relu = false) =>
    gpu.conv2d(x, w, bias, {
      stride: [stride, stride],
      padding: [pad, pad],
      activation: relu ? 'relu' : undefined,
    });
}

function norm(c: number): (x: T, relu?: boolean) => T {
  const gamma = parameter([c], () => 1);
  const beta = parameter([c], () => 0);
  return (x, relu = false) => gpu.batchNormTrain(x, gamma, beta, 1e-5, relu ? 'relu' : undefined).y;
}

function basicBlock(c: number, f: number, stride: number): (x: T) => T {
  const [conv1, bn1, conv2, bn2] = [conv(c, f, 3, stride), norm(f), conv(f, f, 3, 1), norm(f)];
  const [down, downBn] = stride === 1 && c === f ? [null, null] : [conv(c, f, 1, stride), norm(f)];
  return (x) => {
    const out = bn2(conv2(bn1(conv1(x), true)));
    return gpu.relu(gpu.add(out, down && downBn ? downBn(down(x)) : x));
  };
}

function buildNet(): (x: T) => T[] {
  const [stem, stemBn] = [conv(3, BASE, 7, 2), norm(BASE)];
  const widths = [BASE, 2 * BASE, 4 * BASE, 8 * BASE];
  const stages = widths.map((f, i) => [
    basicBlock(i === 0 ? BASE : widths[i - 1], f, i === 0 ? 1 : 2),
    basicBlock(f, f, 1),
  ]);
  const laterals = widths.slice(1).map((c) => conv(c, NECK, 1, 1, true));
  const outs = widths.slice(1).map(() => conv(NECK, NECK, 3, 1, true));
  const extras = [conv(8 * BASE, NECK, 3, 2, true), conv(NECK, NECK, 3, 2, true)];
  const towers = [0, 1].map(() => [conv(NECK, NECK, 3, 1, true), conv(NECK, NECK, 3, 1, true)]);
  const heads = [conv(NECK, ANCHORS * CLASSES, 3, 1, true), conv(NECK, ANCHORS * 4, 3, 1, true)];
  return (image) => {
    let x = gpu.maxPool2d(stemBn(stem(image), true), [3, 3], [2, 2], [1, 1]);
    const levels: T[] = [];
    for (const blocks of stages) {
      for (const block of blocks) x = block(x);
      levels.push(x);
    }
    const maps = levels.slice(1).map((level, i) => laterals[i](level));
    for (let i = maps.length - 1; i > 0; i -= 1) {
      const [, h, w] = maps[i - 1].shape;
      maps[i - 1] = gpu.add(maps[i - 1], gpu.upsampleNearest2d(maps[i], [h, w]));
    }
    const features = maps.map((map, i) => outs[i](map));
    features.push(extras[0](x));
    features.push(extras[1](gpu.relu(features[3])));
    return features.flatMap((f) => heads.map((head, i) => head(towers[i].reduce((t, c) => c(t, true), f))));
  };
}

const steps = Number(process.argv[2] ?? 10);
await installNodeGpu();
const info = await gpu.initEngine();
const net = buildNet();
const image = gpu.tensor(
  Float32Array.from({ length: BATCH * HEIGHT * WIDTH * 3 }, (_, i) => Math.sin(i * 0.37)),
  [BATCH, HEIGHT, WIDTH, 3],
);

function step(): { loss: T; jsMs: number } {
  const start = performance.now();
  const { loss, aux, grads } = gpu.valueAndGrads(() => {
    let total: T | null = null;
    for (const out of net(image)) {
      const part = gpu.mean(gpu.square(out));
      total = total ? gpu.add(total, part) : part;
    }
    return { loss: total ?? gpu.scalar(0) };
  }, variables);
  gpu.dispose([...aux, ...grads.filter((g) => g !== null)]);
  gpu.flush();
  return { loss, jsMs: performance.now() - start };
}

const times: number[] = [];
const jsTimes: number[] = [];
const warmStart = performance.now();
const first = step();
console.log(
  'loss',
  await gpu.readMany([first.loss]),
  'first step ms',
  Math.round(performance.now() - warmStart),
);
first.loss.dispose();
const before = gpu.memory();
const cpuStart = process.cpuUsage();
for (let i = 0; i < steps; i += 1) {
  const start = performance.now();
  const { loss, jsMs } = step();
  await gpu.onIdle();
  times.push(performance.now() - start);
  jsTimes.push(jsMs);
  loss.dispose();
}
const after = gpu.memory();
const cpu = process.cpuUsage(cpuStart);
// On a software adapter and a shared machine, CPU time tells more than wall time.
const cpuMs = (cpu.user + cpu.system) / 1000 / steps;
const median = (v: number[]): number => [...v].sort((a, b) => a - b)[Math.floor(v.length / 2)];
console.log(
  `${info.name}: ${variables.length} parameters, step ${median(times).toFixed(0)} ms (best ${Math.min(...times).toFixed(0)}, CPU ${cpuMs.toFixed(0)}), JS ${median(jsTimes).toFixed(0)} ms`,
);
console.log(
  `leaked tensors: ${after.numTensors - before.numTensors}; GPU ${(after.numBytesInGpu / 1e6).toFixed(0)} MB`,
);
if (process.argv.includes('--profile')) {
  gpu.startProfile();
  step().loss.dispose();
  await gpu.onIdle();
  const rows = await gpu.endProfile();
  console.log('own programs', rows.reduce((s, r) => s + r.gpuMs, 0).toFixed(0), 'ms');
  for (const row of rows.slice(0, 25))
    console.log(row.gpuMs.toFixed(1).padStart(8), `${row.dispatches}x`.padStart(5), row.program);
}
process.exit(0);
