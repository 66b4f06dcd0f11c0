#!/usr/bin/env node
// How smooth the page stays while it trains: gaps between animation frames, long tasks of the page's own thread, and what
// a CPU profile says that thread did. Needs `npm run build` and Chromium.
//
//   node bench/frames.mjs [--seconds 25] [--history 0] [--small] [--url http://localhost:4173] [--top 12]
//
// --history N puts N logged iterations behind the run before it is watched, as after hours of training; --small trains on
// 64 px pictures in pairs and logs each iteration, so that more happens on the page where the adapter is slow.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PORT = 4189;
const CONFIG = 'workspace/configs/shapes/retinanet_tiny_shapes.py';
const TARGET_MS = 50;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '25' },
    history: { type: 'string', default: '0' },
    small: { type: 'boolean', default: false },
    url: { type: 'string' },
    top: { type: 'string', default: '12' },
  },
});
const seconds = Number(options.seconds);

const server = options.url ? null : await serve();
const url = options.url ?? `http://localhost:${PORT}`;
const browser = await chromium.launch({
  executablePath: [process.env.CHROMIUM, '/usr/bin/chromium'].find((path) => path && existsSync(path)),
  args: [
    '--enable-unsafe-webgpu',
    ...(process.env.TABTRAIN_ADAPTER === 'gpu'
      ? ['--enable-features=Vulkan']
      : ['--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader']),
    '--no-sandbox',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on('dialog', (dialog) => void dialog.accept());
  await open(page);
  if (options.small) await makeSmall(page);
  const idle = await watch(page, Math.min(8, seconds), null);
  print('before training', idle);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await trains(page);
  if (Number(options.history) > 0) await goOnBehind(page, Number(options.history));
  await page.getByRole('tab', { name: 'Charts' }).click();
  await page.getByRole('figure', { name: /^Loss: / }).waitFor({ timeout: 300_000 });
  const cdp = await page.context().newCDPSession(page);
  const busy = await watch(page, seconds, cdp);
  print('while it trains', busy);
  printProfile(busy.profile, Number(options.top));
} finally {
  await browser.close();
  server?.kill();
}

async function serve() {
  const child = spawn('npx', ['vite', 'preview', '--port', String(PORT), '--strictPort'], {
    cwd: ROOT,
    stdio: 'ignore',
  });
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://localhost:${PORT}`).catch(() => null);
    if (answer?.ok) return child;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  child.kill();
  throw new Error(`vite preview gave no page on port ${PORT}`);
}

async function open(page) {
  await page.goto(url);
  await page.locator('.view-line').first().waitFor();
}

async function trains(page) {
  await page
    .getByRole('status')
    .filter({ hasText: /Training: epoch/ })
    .waitFor({ timeout: 300_000 });
}

/** Write the small config and open the page anew with it. */
async function makeSmall(page) {
  await page.evaluate(async (path) => {
    const names = path.split('/');
    let folder = await navigator.storage.getDirectory();
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
    const handle = await folder.getFileHandle(names.at(-1));
    const text = (await (await handle.getFile()).text())
      .replace(/img_scale = \(\d+, \d+\)/, 'img_scale = (64, 64)')
      .replace(/samples_per_gpu=\d+/, 'samples_per_gpu=2')
      .replace(/num_images=320/, 'num_images=16')
      .replace(/max_epochs=\d+/, 'max_epochs=999')
      .replace(/evaluation = dict\(interval=\d+/, 'evaluation = dict(interval=9999')
      .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)');
    const stream = await handle.createWritable();
    await stream.write(text);
    await stream.close();
  }, CONFIG);
  await open(page);
}

/** Stop behind a checkpoint, write a long past into the run's logs, and go on from there. */
async function goOnBehind(page, count) {
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page
    .getByRole('status')
    .filter({ hasText: /Stopped|Finished/ })
    .waitFor({ timeout: 300_000 });
  await page.evaluate(async (lines) => {
    const files = [];
    const walk = async (folder) => {
      for await (const handle of folder.values()) {
        if (handle.kind === 'directory') await walk(handle);
        else if (handle.name.endsWith('.log') || handle.name.endsWith('.log.json')) files.push(handle);
      }
    };
    await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle('work_dirs'));
    for (const handle of files) {
      const old = await (await handle.getFile()).text();
      const added = Array.from({ length: lines }, (_, i) => {
        // Between the first iterations: what lies behind the checkpoint would be done again.
        const iter = (i + 1) / (lines + 1);
        const loss_cls = 1 + Math.sin(i / 50) / 4 + Math.random() / 10;
        const loss_bbox = 0.6 + Math.random() / 10;
        const record = {
          mode: 'train',
          epoch: 1,
          iter,
          lr: 0.003,
          memory: 99,
          data_time: 0.001,
          loss_cls,
          loss_bbox,
        };
        return handle.name.endsWith('.json')
          ? JSON.stringify({ ...record, loss: loss_cls + loss_bbox, grad_norm: 3, time: 0.05 })
          : `2026-01-01 00:00:00,000 - tabtrain - INFO - Epoch [1][${i}/${lines}]\tlr: 3.000e-03, eta: 0:10:00, time: 0.050, data_time: 0.001, memory: 99, loss_cls: ${loss_cls.toFixed(4)}, loss_bbox: ${loss_bbox.toFixed(4)}, loss: ${(loss_cls + loss_bbox).toFixed(4)}, grad_norm: 3.0000`;
      });
      const stream = await handle.createWritable();
      await stream.write(`${old.trimEnd()}\n${added.join('\n')}\n`);
      await stream.close();
    }
  }, count);
  await page.getByRole('tab', { name: 'Checkpoints' }).click();
  await page.getByRole('button', { name: 'Continue from here' }).first().click();
  await trains(page);
}

/** @returns gaps between animation frames, ms; long tasks; the page's CPU profile when `cdp` is given */
async function watch(page, forSeconds, cdp) {
  await page.bringToFront();
  if (cdp) {
    await cdp.send('Profiler.enable');
    await cdp.send('Profiler.setSamplingInterval', { interval: 500 });
    await cdp.send('Profiler.start');
    // Seconds on the CPU, not on the clock: others may use the machine, too.
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  }
  const before = cdp && (await cpuTimes(cdp));
  const seen = await page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        const gaps = [];
        const tasks = [];
        let log = 0;
        const observer = new PerformanceObserver((list) => {
          for (const { startTime, duration } of list.getEntries()) tasks.push({ startTime, duration });
        });
        observer.observe({ type: 'longtask' });
        const slow = [];
        const slowFrames = new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) {
            const end = entry.startTime + entry.duration;
            slow.push({
              ms: entry.duration,
              scripts: entry.scripts.map((one) => ({
                what: `${one.invoker} ${one.sourceFunctionName}`,
                ms: one.duration,
                layoutMs: one.forcedStyleAndLayoutDuration,
              })),
              renderMs: entry.renderStart > 0 ? end - entry.renderStart : 0,
              layoutMs: entry.styleAndLayoutStart > 0 ? end - entry.styleAndLayoutStart : 0,
            });
          }
        });
        slowFrames.observe({ type: 'long-animation-frame' });
        const box = document.querySelector('pre[aria-label="Log lines"]');
        const changes = new MutationObserver(() => (log += 1));
        if (box) changes.observe(box, { childList: true, subtree: true, characterData: true });
        const begin = performance.now();
        let last = begin;
        const frame = () => {
          const now = performance.now();
          gaps.push({ end: now, ms: now - last });
          last = now;
          if (now - begin < ms) requestAnimationFrame(frame);
          else {
            observer.disconnect();
            slowFrames.disconnect();
            changes.disconnect();
            resolve({ gaps: gaps.slice(1), tasks, slow, log });
          }
        };
        requestAnimationFrame(frame);
      }),
    forSeconds * 1000,
  );
  if (!cdp) return seen;
  const after = await cpuTimes(cdp);
  const cpu = Object.fromEntries(Object.entries(after).map(([name, s]) => [name, 1000 * (s - before[name])]));
  return { ...seen, cpu, profile: (await cdp.send('Profiler.stop')).profile };
}

async function cpuTimes(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  const wanted = ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'];
  return Object.fromEntries(wanted.map((name) => [name, metrics.find((one) => one.name === name).value]));
}

function print(title, { gaps, tasks, slow, log, cpu }) {
  const sorted = gaps.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (q) => (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0).toFixed(1);
  const long = gaps.filter(({ ms }) => ms > TARGET_MS);
  // A gap without a long task of the page is the browser's or the machine's.
  const own = long.filter(({ end, ms }) =>
    tasks.some((task) => task.startTime < end && task.startTime + task.duration > end - ms),
  );
  const longest = Math.max(0, ...tasks.map(({ duration }) => duration));
  console.log(`${title}: ${gaps.length} frames, log redrawn ${log} times
  gap between frames: median ${at(0.5)}, 99th percentile ${at(0.99)}, max ${at(1)} ms; over ${TARGET_MS} ms: ${long.length}, with a long task of the page in it: ${own.length}
  long tasks (over 50 ms): ${tasks.length}, longest ${longest.toFixed(0)} ms`);
  if (cpu) {
    const { TaskDuration, ScriptDuration, LayoutDuration, RecalcStyleDuration } = cpu;
    console.log(
      `  CPU time of the page's thread: ${TaskDuration.toFixed(0)} ms, of it scripts ${ScriptDuration.toFixed(0)}, layout ${LayoutDuration.toFixed(0)}, style ${RecalcStyleDuration.toFixed(0)}`,
    );
  }
  for (const one of slow.toSorted((a, b) => b.ms - a.ms).slice(0, 4)) {
    const scripts = one.scripts.map((s) => `${s.what} ${s.ms.toFixed(0)} (layout ${s.layoutMs.toFixed(0)})`);
    console.log(
      `  slow frame: ${one.ms.toFixed(0)} ms, rendering ${one.renderMs.toFixed(0)}, of it style and layout ${one.layoutMs.toFixed(0)}; ${scripts.join('; ')}`,
    );
  }
}

/** Self time by function, and its sum without idle time. */
function printProfile({ nodes, samples, timeDeltas }, top) {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const times = new Map();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const { functionName, url: file, lineNumber, columnNumber } = byId.get(id);
    const name = `${functionName || '(anonymous)'} ${file.split('/').at(-1)}:${lineNumber + 1}:${columnNumber + 1}`;
    const ms = timeDeltas[i] / 1000;
    total += ms;
    times.set(name, (times.get(name) ?? 0) + ms);
  }
  const list = [...times].sort((a, b) => b[1] - a[1]);
  const sum = (pattern) => list.filter(([name]) => pattern.test(name)).reduce((s, [, ms]) => s + ms, 0);
  const idle = sum(/^\(idle\)/);
  const browserOwn = sum(/^\((program|root)\)/);
  const script = total - idle - browserOwn;
  const share = (ms) => `${ms.toFixed(0)} ms (${((100 * ms) / total).toFixed(1)} %)`;
  console.log(
    `  profile of ${(total / 1000).toFixed(1)} s: scripts ${share(script)}, the browser's own work (style, layout, paint) ${share(browserOwn)}, idle ${share(idle)}`,
  );
  for (const [name, ms] of list.filter(([n]) => !/^\((idle|program|root)\)/.test(n)).slice(0, top))
    console.log(`    ${ms.toFixed(1).padStart(7)} ms  ${name}`);
}
