// The best matrix product we can make on the adapter, as the measure of what a step could reach: C = A B, float32,
// square. Variants: register tiles straight from memory (best where barriers are dear) and tiles shared by a workgroup.
import type { Contender, Stepper } from './contender.ts';
import { isSoftware, paced } from './device.ts';

interface Variant {
  readonly name: string;
  /** WGSL with bindings a, b, c (vec4 rows) and an override-free size. */
  readonly code: string;
  /** Rows and columns of C per workgroup. */
  readonly tile: readonly [number, number];
}

export async function matmul(adapter: string): Promise<Contender> {
  const gpuAdapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!gpuAdapter) throw new Error('no adapter');
  const device = await gpuAdapter.requestDevice();
  return { about: `own matrix products, ${adapter}`, load: async () => best(device) };
}

/** Measure every variant and keep the fastest. */
async function best(device: GPUDevice): Promise<Stepper> {
  // Large enough to fill the device, small enough for a software adapter.
  const n = isSoftware() ? 512 : 4096;
  const variants = [direct(n, 4), direct(n, 8), tiled(n, 4), tiled(n, 8)];
  const steppers = [...variants.map((variant) => make(device, n, variant)), await engineProduct(n)];
  let winner = steppers[0];
  let winnerMs = Infinity;
  for (const stepper of steppers) {
    stepper.step();
    await stepper.idle();
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      stepper.step();
      await stepper.idle();
      const ms = performance.now() - start;
      if (ms < winnerMs) [winner, winnerMs] = [stepper, ms];
    }
  }
  if (!winner) throw new Error('internal: no variant was timed');
  return winner;
}

function make(device: GPUDevice, n: number, { name, code, tile }: Variant): Stepper {
  const bytes = 4 * n * n;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const values = new Float32Array(n * n).map((_, i) => (i % 7) / 7);
  const buffers = [0, 1, 2].map(() => device.createBuffer({ size: bytes, usage }));
  for (const buffer of buffers) device.queue.writeBuffer(buffer, 0, values);
  const module = device.createShaderModule({ code, label: name });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return {
    step() {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(n / tile[1], n / tile[0]);
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    idle: async () => {
      await paced(device.queue.onSubmittedWorkDone());
    },
    value: async () => (2 * n ** 3) / 1e9,
  };
}

/** The engine's own product, which may do better. */
async function engineProduct(n: number): Promise<Stepper> {
  const gpu = await import('../../src/gpu/index.ts');
  const { matMulForward } = await import('../../src/gpu/kernels/matMul/op.ts');
  await gpu.initEngine();
  const values = new Float32Array(n * n).map((_, i) => (i % 7) / 7);
  const [a, b] = [gpu.tensor(values, [n, n]), gpu.tensor(values, [n, n])];
  return {
    step() {
      matMulForward(a, b, false, false).dispose();
      gpu.flush();
    },
    idle: async () => {
      await paced(gpu.handleOrThrow().device.queue.onSubmittedWorkDone());
    },
    value: async () => (2 * n ** 3) / 1e9,
  };
}

const BINDINGS = `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;`;

/** Thread: `rows` rows by 4 columns of C, 4 steps of the inner axis at a time. Workgroup: 8 x 8 threads. */
function direct(n: number, rows: number): Variant {
  const q = n / 4;
  const r = Array.from({ length: rows }, (_, i) => i);
  const code = `${BINDINGS}
@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x;
  let row = id.y * ${rows}u;
  ${r.map((i) => `var s${i} = vec4f();`).join(' ')}
  for (var k = 0u; k < ${q}u; k++) {
    let b0 = b[(4u * k) * ${q}u + col];
    let b1 = b[(4u * k + 1u) * ${q}u + col];
    let b2 = b[(4u * k + 2u) * ${q}u + col];
    let b3 = b[(4u * k + 3u) * ${q}u + col];
    ${r
      .map(
        (i) => `let a${i} = a[(row + ${i}u) * ${q}u + k];
    s${i} = fma(vec4f(a${i}.x), b0, s${i}); s${i} = fma(vec4f(a${i}.y), b1, s${i});
    s${i} = fma(vec4f(a${i}.z), b2, s${i}); s${i} = fma(vec4f(a${i}.w), b3, s${i});`,
      )
      .join('\n    ')}
  }
  ${r.map((i) => `c[(row + ${i}u) * ${q}u + col] = s${i};`).join('\n  ')}
}`;
  return { name: `direct ${rows}x4`, code, tile: [8 * rows, 32] };
}

/** Workgroup: 16 x 16 threads share 16-deep tiles of A and B. Thread: `t` x `t` of C, t = 4 or 8. */
function tiled(n: number, t: number): Variant {
  const q = n / 4;
  const side = 16 * t;
  const perThread = t / 4;
  const rows = Array.from({ length: t }, (_, i) => i);
  const quads = Array.from({ length: perThread }, (_, i) => i);
  const code = `${BINDINGS}
var<workgroup> ta: array<array<f32, ${side}>, 16>;
var<workgroup> tb: array<array<vec4f, ${side / 4}>, 16>;
@compute @workgroup_size(16, 16) fn main(
  @builtin(local_invocation_id) l: vec3u, @builtin(local_invocation_index) t: u32, @builtin(workgroup_id) g: vec3u) {
  let row0 = g.y * ${side}u;
  let quad0 = g.x * ${side / 4}u;
  ${rows.flatMap((i) => quads.map((j) => `var s${i}_${j} = vec4f();`)).join(' ')}
  for (var k0 = 0u; k0 < ${n}u; k0 += 16u) {
    for (var i = 0u; i < ${perThread}u; i++) {
      let m = t / 4u + 64u * i;
      let kq = t % 4u;
      let va = a[(row0 + m) * ${q}u + k0 / 4u + kq];
      ta[4u * kq][m] = va.x; ta[4u * kq + 1u][m] = va.y; ta[4u * kq + 2u][m] = va.z; ta[4u * kq + 3u][m] = va.w;
      let e = t + 256u * i;
      tb[e / ${side / 4}u][e % ${side / 4}u] = b[(k0 + e / ${side / 4}u) * ${q}u + quad0 + e % ${side / 4}u];
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      ${quads.map((j) => `let b${j} = tb[k][l.x + ${16 * j}u];`).join(' ')}
      ${rows
        .map(
          (i) =>
            `let a${i} = vec4f(ta[k][l.y * ${t}u + ${i}u]); ${quads.map((j) => `s${i}_${j} = fma(a${i}, b${j}, s${i}_${j});`).join(' ')}`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  ${rows
    .flatMap((i) =>
      quads.map((j) => `c[(row0 + l.y * ${t}u + ${i}u) * ${q}u + quad0 + l.x + ${16 * j}u] = s${i}_${j};`),
    )
    .join('\n  ')}
}`;
  return { name: `tiled ${t}x${t}`, code, tile: [side, side] };
}
