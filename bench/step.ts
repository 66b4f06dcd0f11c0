// One training step (forward + backward) of a small RetinaNet-like net on this machine's adapter: median ms, GPU ms per
// kind of program, JavaScript ms, and whether tensors leak. Usage: npm run bench -- [steps] [--stock] [--profile]
import * as gpu from '../src/gpu/index.ts';
import { installNodeGpu } from '../src/gpu/nodeGpu.ts';
import { ours, stock, type Ops, type T } from './ops.ts';

const BATCH = 8;
const HEIGHT = 128;
const WIDTH = 160;
const BASE = 16;
const NECK = 32;
const ANCHORS = 9;
const CLASSES = 3;

// What the net's layers run on; switched between steps to compare.
let ops: Ops = ours;
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
  return (x, relu = false) => ops.conv(x, w, bias, stride, pad, relu);
}

function norm(c: number): (x: T, relu?: boolean) => T {
  const gamma = parameter([c], () => 1);
  const beta = parameter([c], () => 0);
  return (x, relu = false) => ops.norm(x, gamma, beta, relu);
}

function basicBlock(c: number, f: number, stride: number): (x: T) => T {
  const [conv1, bn1, conv2, bn2] = [conv(c, f, 3, stride), norm(f), conv(f, f, 3, 1), norm(f)];
  const [down, downBn] = stride === 1 && c === f ? [null, null] : [conv(c, f, 1, stride), norm(f)];
  return (x) => {
    const out = bn2(conv2(bn1(conv1(x), true)));
    return ops.relu(ops.add(out, down && downBn ? downBn(down(x)) : x));
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
    let x = ops.maxPool(stemBn(stem(image), true));
    const levels: T[] = [];
    for (const blocks of stages) {
      for (const block of blocks) x = block(x);
      levels.push(x);
    }
    const maps = levels.slice(1).map((level, i) => laterals[i](level));
    for (let i = maps.length - 1; i > 0; i -= 1) {
      const [, h, w] = maps[i - 1].shape;
      maps[i - 1] = ops.add(maps[i - 1], ops.upsample(maps[i], h, w));
    }
    const features = maps.map((map, i) => outs[i](map));
    features.push(extras[0](x));
    features.push(extras[1](ops.relu(features[3])));
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
  const { loss, grads } = ops.lossAndGrads(() => {
    let total: T | null = null;
    for (const out of net(image)) {
      const part = ops.meanSquare(out);
      total = total ? ops.add(total, part) : part;
    }
    return total ?? gpu.scalar(0);
  }, variables);
  gpu.dispose(grads);
  gpu.flush();
  return { loss, jsMs: performance.now() - start };
}

interface Sample {
  wallMs: number;
  jsMs: number;
  cpuMs: number;
}

async function sample(): Promise<Sample> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  const { loss, jsMs } = step();
  await gpu.onIdle();
  const wallMs = performance.now() - start;
  const cpu = process.cpuUsage(cpuStart);
  loss.dispose();
  return { wallMs, jsMs, cpuMs: (cpu.user + cpu.system) / 1000 };
}

const contenders = process.argv.includes('--stock') ? [ours, stock] : [ours];
const samples = new Map<Ops, Sample[]>();
for (const contender of contenders) {
  ops = contender;
  const start = performance.now();
  const { loss } = step();
  const [value] = await gpu.readMany([loss]);
  console.log(`${ops.name}: loss ${value}, first step ${Math.round(performance.now() - start)} ms`);
  loss.dispose();
  samples.set(ops, []);
}
const before = gpu.memory();
for (let i = 0; i < steps; i += 1)
  for (const [contender, list] of samples) {
    ops = contender;
    list.push(await sample());
  }
const after = gpu.memory();
console.log(
  `${info.name}, ${variables.length} parameters, ${steps} steps; CPU ms tell more than wall ms on a shared machine`,
);
const best = (list: Sample[], key: keyof Sample): string => Math.min(...list.map((s) => s[key])).toFixed(0);
for (const [contender, list] of samples)
  console.log(
    `${contender.name}: best wall ${best(list, 'wallMs')} ms, JS ${best(list, 'jsMs')} ms, CPU ${best(list, 'cpuMs')} ms`,
  );
console.log(
  `leaked tensors: ${after.numTensors - before.numTensors}; GPU ${(after.numBytesInGpu / 1e6).toFixed(0)} MB`,
);
if (process.argv.includes('--profile')) {
  ops = ours;
  gpu.startProfile();
  step().loss.dispose();
  await gpu.onIdle();
  const rows = await gpu.endProfile();
  console.log('own programs', rows.reduce((s, r) => s + r.gpuMs, 0).toFixed(0), 'ms');
  for (const row of rows.slice(0, 25))
    console.log(row.gpuMs.toFixed(1).padStart(8), `${row.dispatches}x`.padStart(5), row.program);
}
process.exit(0);
