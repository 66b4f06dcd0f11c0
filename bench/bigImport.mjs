#!/usr/bin/env node
// An import of COCO's size, in real Chromium or in Node: time, and the most memory that each kind of process took; then what
// follows in the page: plan, plan again after an edit of another key, one iteration. Linux only (reads /proc).
// Needs `npm run build` and Chromium. Prints a Markdown table.
//
//   node bench/bigImport.mjs [--pictures 118287] [--boxes 860001] [--in page|node] [--folder /tmp/tabtrain-big]
//
// The pictures are files of their own: one small JPEG, in each a comment with its number, so that no two are equal.
// They and the annotations stay in the folder for the next time.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PORT = 4192;
const IMPORT_MS = 3_600_000;
const SAMPLE_MS = 250;

const { values: options } = parseArgs({
  options: {
    pictures: { type: 'string', default: '118287' },
    boxes: { type: 'string', default: '860001' },
    in: { type: 'string', default: 'page' },
    folder: { type: 'string', default: '/tmp/tabtrain-big' },
  },
});
const drop = join(options.folder, `coco_${options.pictures}_${options.boxes}`);
const rows = [];

await makeDrop();
if (options.in === 'node') await importInNode();
else await importInPage();
console.log(`${Number(options.pictures).toLocaleString('en')} pictures, ${Number(options.boxes).toLocaleString('en')} boxes

| what | s | CPU s | most resident memory, MB |
|---|---:|---:|---|
${rows.join('\n')}`);

async function makeDrop() {
  const annotations = join(drop, 'annotations', 'instances_train2017.json');
  const pictures = join(drop, 'train2017');
  mkdirSync(dirname(annotations), { recursive: true });
  mkdirSync(pictures, { recursive: true });
  const count = Number(options.pictures);
  if (!existsSync(annotations))
    spawnSync(
      process.execPath,
      [join(ROOT, 'scripts/makeCoco.mjs'), annotations, options.pictures, options.boxes],
      { stdio: 'inherit' },
    );
  if (readdirSync(pictures).length === count) return;
  const background = { r: 120, g: 130, b: 140 };
  const jpeg = await sharp({ create: { width: 640, height: 480, channels: 3, background } })
    .jpeg()
    .toBuffer();
  for (let id = 1; id <= count; id++) {
    const text = String(id).padStart(12, '0');
    // 0xfffe: a comment, its length with the two bytes of the length itself.
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, 2 + text.length]), Buffer.from(text)]);
    writeFileSync(
      join(pictures, `${text}.jpg`),
      Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]),
    );
  }
}

/** Run an action and note its seconds, its CPU seconds, and by kind of process the most resident MB meanwhile. */
async function measure(what, rootPid, action) {
  const peaks = new Map();
  // By process: those that end meanwhile count, too.
  const cpu = new Map();
  const before = new Map(processes(rootPid).map(({ pid, cpuS }) => [pid, cpuS]));
  const sample = () => {
    for (const { pid, type, mb, cpuS } of processes(rootPid)) {
      peaks.set(type, Math.max(mb, peaks.get(type) ?? 0));
      cpu.set(pid, cpuS - (before.get(pid) ?? 0));
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const started = performance.now();
  try {
    const result = await action();
    sample();
    const s = ((performance.now() - started) / 1000).toFixed(1);
    const memory = [...peaks].map(([kind, mb]) => `${kind} ${Math.round(mb)}`).join(', ');
    const cpuS = [...cpu.values()].reduce((a, b) => a + b, 0).toFixed(1);
    rows.push(`| ${what} | ${s} | ${cpuS} | ${memory} |`);
    console.error(rows.at(-1));
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** A process and all below it. */
function processes(rootPid) {
  const children = new Map();
  const known = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // Behind the name, which may hold spaces: state, parent, …; the 12th and 13th are ticks of 10 ms.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      const type = /--type=([\w-]+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1] ?? 'main';
      const cpuS = (Number(fields[11]) + Number(fields[12])) / 100;
      known.set(pid, { pid, type, mb: Number(resident ?? 0) / 1000, cpuS });
      children.set(fields[1], [...(children.get(fields[1]) ?? []), pid]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const below = (pid) => [
    ...(known.has(pid) ? [known.get(pid)] : []),
    ...(children.get(pid) ?? []).flatMap(below),
  ];
  return below(String(rootPid));
}

async function importInNode() {
  const work = join(options.folder, 'node');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const child = spawn(
    process.execPath,
    [join(ROOT, 'bin/tabtrain.mjs'), 'import', drop, '--name', 'big', '--json'],
    { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const code = await measure(
    'tabtrain import',
    child.pid,
    () => new Promise((resolve) => child.on('close', resolve)),
  );
  if (code !== 0) throw new Error(`tabtrain import ended with ${code}`);
}

async function importInPage() {
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
  const server = spawn(process.execPath, [vite, 'preview', '--port', String(PORT), '--strictPort'], {
    cwd: ROOT,
    stdio: 'ignore',
  });
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      server.kill();
      process.exit(1);
    });
  const profile = join(options.folder, 'profile');
  rmSync(profile, { recursive: true, force: true });
  let context;
  try {
    await answers(`http://localhost:${PORT}`);
    // A profile on disk: that of a private window has its storage in memory.
    context = await chromium.launchPersistentContext(profile, {
      executablePath: [process.env.CHROMIUM, '/usr/bin/chromium'].find((path) => path && existsSync(path)),
      viewport: { width: 1440, height: 900 },
      args: [
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--enable-unsafe-swiftshader',
        '--no-sandbox',
      ],
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(IMPORT_MS);
    page.on('pageerror', (error) => console.error(String(error)));
    await usePage(page, browserPid(profile));
  } finally {
    await context?.close();
    server.kill();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function answers(url) {
  for (let tries = 0; tries < 600; tries++) {
    if ((await fetch(url).catch(() => null))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`vite preview gave no page at ${url}`);
}

function browserPid(profile) {
  const pid = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return command.includes(`--user-data-dir=${profile}`) && !command.includes('--type=');
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error("Chromium's process was not found");
  return pid;
}

async function usePage(page, pid) {
  await measure('page opened', pid, async () => {
    await page.goto(`http://localhost:${PORT}`);
    await page.locator('.view-line').first().waitFor();
  });
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog');
  await button('Import data').click();
  await measure('folder chosen', pid, async () => {
    await dialog.getByLabel('Folder').setInputFiles(drop);
    await dialog.getByLabel('Name').waitFor();
  });
  await dialog.getByLabel('Name').fill('big');
  await measure('imported', pid, async () => {
    await dialog.getByRole('button', { name: 'Import', exact: true }).click();
    const done = page.getByRole('dialog', { name: 'Imported big' });
    const refused = dialog.getByRole('alert');
    await done.or(refused).waitFor();
    if (await refused.isVisible()) throw new Error(await refused.innerText());
    console.error((await done.innerText()).slice(0, 400));
  });
  await button('Use in a config').click();
  await page.getByRole('heading', { name: 'retinanet_r18_big.py' }).waitFor();
  await train(page, pid, button);
}

async function train(page, pid, button) {
  const stored = await page.evaluate(async () => {
    let folder = await navigator.storage.getDirectory();
    for (const name of ['workspace', 'configs', 'big']) folder = await folder.getDirectoryHandle(name);
    return (await (await folder.getFileHandle('retinanet_r18_big.py')).getFile()).text();
  });
  const small = stored
    .replace(/img_scale = \(.*\)/, 'img_scale = (64, 64)')
    .replace(/samples_per_gpu=\d+/, 'samples_per_gpu=2')
    .replace(/runner = dict\(.*\)/, "runner = dict(type='IterBasedRunner', max_iters=1)")
    .replace(/warmup='linear',[^]*?warmup_ratio=[\d.]+,/, '')
    .replace(/evaluation = dict\(interval=\d+/, 'evaluation = dict(interval=1000')
    .replace(/checkpoint_config = dict\(.*\)/, 'checkpoint_config = dict(interval=1)');
  // What only a plan that knows the data set's length can tell.
  const problem = page.getByRole('list', { name: 'Problems' }).getByText(/log_config.*(7654321|7654322)/);
  const edit = (interval) =>
    small.replace(/log_config = dict\(interval=\d+/, `log_config = dict(interval=${interval}`);
  await measure('planned for the first time, with data sets read', pid, async () => {
    await setText(page, edit(7654321));
    await problem.filter({ hasText: '7654321' }).waitFor();
  });
  await measure('planned again after an edit of another key', pid, async () => {
    await setText(page, edit(7654322));
    await problem.filter({ hasText: '7654322' }).waitFor();
  });
  await measure('one iteration, from Train to Finished', pid, async () => {
    await setText(page, edit(1));
    await button('Train').click();
    await page
      .getByRole('status')
      .filter({ hasText: /Finished|Failed|Stopped/ })
      .waitFor();
    console.error(await page.getByRole('status').allInnerTexts());
    console.error((await page.getByRole('region', { name: 'Log' }).innerText()).slice(-1500));
  });
}

async function setText(page, text) {
  const box = page.getByRole('region', { name: 'Config editor' }).getByRole('textbox').first();
  await box.focus();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}
