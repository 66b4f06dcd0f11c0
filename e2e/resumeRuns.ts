// Runs that are cut off by closing their tab and go on in another one, compared bit by bit with one that never was.

import type { BrowserContext, Page } from '@playwright/test';
import { DEFAULT_FILE, expect, TabtrainPage } from './page.ts';

const DEFAULT_PATH = `workspace/configs/shapes/${DEFAULT_FILE}`;
/** A start compiles every shader on a software adapter. */
const RUN_TIMEOUT_MS = 240_000;

export interface ResumeCase {
  /** Put below the small config. */
  readonly settings: string;
  /** Logged iterations of the whole run. */
  readonly iters: number;
  /** The checkpoint at its end. */
  readonly last: string;
}

const EPOCHS = 3;
const ITERS_PER_EPOCH = 3;

export const RESUME_CASES = {
  'SGD, EMA, cyclic': {
    settings: `
optimizer = dict(type='SGD', lr=0.005, momentum=0.9, weight_decay=0.0001)
lr_config = dict(policy='cyclic', target_ratio=(10, 1e-4), cyclic_times=1, step_ratio_up=0.4)
momentum_config = dict(policy='cyclic', target_ratio=(0.85 / 0.95, 1), cyclic_times=1, step_ratio_up=0.4)
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    dict(type='EarlyStoppingHook', monitor='bbox_mAP', patience=9)]
evaluation = dict(interval=1, metric='bbox', save_best='auto')
runner = dict(type='EpochBasedRunner', max_epochs=${EPOCHS})
checkpoint_config = dict(interval=1)
`,
    iters: EPOCHS * ITERS_PER_EPOCH,
    last: `epoch_${EPOCHS}.pth`,
  },
  'AdamW, cosine': {
    settings: `
evaluation = dict(interval=5, metric='bbox')
runner = dict(type='IterBasedRunner', max_iters=10)
checkpoint_config = dict(by_epoch=False, interval=2)
`,
    iters: 10,
    last: 'iter_10.pth',
  },
} as const satisfies Readonly<Record<string, ResumeCase>>;

/** The default config with a few small pictures and the case's settings: about a second an iteration in software. */
async function writeConfig(app: TabtrainPage, settings: string, workers: number): Promise<void> {
  const text = (await app.readStored(DEFAULT_PATH)) ?? '';
  const small = text
    .replace(/# --- case\n[\s\S]*/, '')
    .replace(/img_scale = \(\d+, \d+\)/, 'img_scale = (64, 64)')
    .replace(/num_images=320/, `num_images=${2 * ITERS_PER_EPOCH}`)
    .replace(/num_images=48/g, 'num_images=2')
    .replace(/samples_per_gpu=\d+/, 'samples_per_gpu=2')
    // So early a score hardly passes 0.05, and without a detection there is no mAP to log.
    .replace(/score_thr=[\d.]+/, 'score_thr=0.0')
    .replace(/max_per_img=\d+/, 'max_per_img=20')
    .replace(/log_config = dict\(interval=\d+\)/, 'log_config = dict(interval=1)')
    .replace(/workers_per_gpu=\d+/, `workers_per_gpu=${workers}`);
  await app.setText(`${small}# --- case\n${settings}`);
}

/** What a run leaves: its log's records by place and the checksum of every tensor of its last checkpoint. */
export interface RunTrace {
  readonly records: Readonly<Record<string, string>>;
  readonly tensors: Readonly<Record<string, string>>;
  /** What its log says of the checkpoint. */
  readonly stateDictCrc: string;
}

/** Train, wait for a record, and see how many decode workers make the run's samples. */
async function trainUntil(app: TabtrainPage, n: number, workers: number): Promise<void> {
  let started = 0;
  app.page.on('worker', (worker) => {
    if (worker.url().includes('decodeWorker')) started += 1;
  });
  await app.button('Train').click();
  // Until then the log is that of the run before.
  await expect(app.status).toContainText('Training', { timeout: RUN_TIMEOUT_MS });
  await expect
    .poll(async () => countRecords(await app.log.innerText()), { timeout: RUN_TIMEOUT_MS, intervals: [50] })
    .toBeGreaterThanOrEqual(n);
  expect(started).toBe(workers);
}

/** Train to the end without a break. */
export async function runStraight(page: Page, one: ResumeCase, workers: number): Promise<RunTrace> {
  const app = new TabtrainPage(page);
  await app.open();
  await writeConfig(app, one.settings, workers);
  await trainUntil(app, 1, workers);
  await expect(app.status).toContainText(/Finished|Failed/, { timeout: RUN_TIMEOUT_MS });
  await expect(app.status).toContainText('Finished');
  return traceOf(page, one);
}

/**
 * Train, close the tab behind record `killAt`, and go on in a new one.
 * @param killAt from 1
 * @param workers that decode in the first tab, and in the second
 * @param delayMs between the record's appearance in the log and the end of the tab
 * @returns the trace of both parts together; what the second part says it went on from
 */
export async function runCutOff(
  context: BrowserContext,
  one: ResumeCase,
  killAt: number,
  [before, after]: readonly [number, number],
  delayMs = 0,
): Promise<RunTrace & { readonly from: string }> {
  const first = new TabtrainPage(await context.newPage());
  await first.open();
  await writeConfig(first, one.settings, before);
  await trainUntil(first, killAt, before);
  await first.page.waitForTimeout(delayMs);
  await first.page.close();

  const page = await context.newPage();
  const app = new TabtrainPage(page);
  await app.open();
  // Without a checkpoint there is nothing to go on from: the run begins anew.
  await expect(app.runs.getByRole('listitem').first()).toContainText('Interrupted');
  const resume = app.button('Resume');
  const hasCheckpoint = await resume.isVisible();
  await writeConfig(app, one.settings, after);
  await (hasCheckpoint ? resume : app.button('Train')).click();
  await expect(app.status).toContainText(/Preparing|Training/);
  await expect(app.status).toContainText(/Finished|Failed/, { timeout: RUN_TIMEOUT_MS });
  await expect(app.status).toContainText('Finished');
  const from =
    /resumed (epoch|from epoch:) \d+, iter \d+/.exec(await app.log.innerText())?.[0] ?? 'began anew';
  const trace = { ...(await traceOf(page, one)), from };
  await page.close();
  return trace;
}

const countRecords = (log: string): number => log.match(/(Epoch \[\d+\]\[|Iter \[)/g)?.length ?? 0;

/** Records that differ, and tensors; empty when every bit is the same. */
export function differences(wanted: RunTrace, got: RunTrace): string[] {
  const found: string[] = [];
  for (const part of ['records', 'tensors'] as const)
    for (const place of new Set([...Object.keys(wanted[part]), ...Object.keys(got[part])]))
      if (wanted[part][place] !== got[part][place])
        found.push(`${place}: wanted ${wanted[part][place]}, got ${got[part][place]}`);
  if (wanted.stateDictCrc !== got.stateDictCrc)
    found.push(`state_dict CRC-32: wanted ${wanted.stateDictCrc}, got ${got.stateDictCrc}`);
  return found;
}

/** Of the newest run. */
async function traceOf(page: Page, { last }: ResumeCase): Promise<RunTrace> {
  const { logs, tensors } = await page.evaluate(async (wanted) => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('work_dirs');
    const runs: { started: number; folder: FileSystemDirectoryHandle }[] = [];
    const walk = async (folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const handle of folder.values()) {
        if (handle.kind === 'directory') await walk(handle);
        else if (handle.name === 'run.json') {
          const { startedMs } = JSON.parse(await (await handle.getFile()).text()) as { startedMs: number };
          runs.push({ started: startedMs, folder });
        }
      }
    };
    await walk(root);
    runs.sort((a, b) => b.started - a.started);
    const folder = runs.at(0)?.folder;
    if (!folder) throw new Error('no run is stored');
    const found: { name: string; text: string }[] = [];
    for await (const handle of folder.values())
      if (handle.kind === 'file' && handle.name.endsWith('.log.json'))
        found.push({ name: handle.name, text: await (await handle.getFile()).text() });
    const bytes = await (await (await folder.getFileHandle(wanted)).getFile()).arrayBuffer();
    // A zip's central directory holds the CRC-32 of each member: parameters, EMA, optimizer state.
    const zip = new DataView(bytes);
    let end = bytes.byteLength - 22;
    while (zip.getUint32(end, true) !== 0x06054b50) end -= 1;
    const crcs: Record<string, string> = {};
    for (let at = zip.getUint32(end + 16, true); zip.getUint32(at, true) === 0x02014b50;) {
      const [nameBytes = 0, extra = 0, comment = 0] = [28, 30, 32].map((offset) =>
        zip.getUint16(at + offset, true),
      );
      const name = new TextDecoder().decode(new Uint8Array(bytes, at + 46, nameBytes));
      // The pickle is left out: it holds the time of saving.
      if (/\/data\/\d+$/.test(name)) crcs[name] = zip.getUint32(at + 16, true).toString(16);
      at += 46 + nameBytes + extra + comment;
    }
    return { logs: found, tensors: crcs };
  }, last);
  // A place that was reached twice counts with its last record; the files' names are times.
  const texts = logs.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ text }) => text);
  const said = await page.getByRole('region', { name: 'Log' }).innerText();
  const crcs = [...said.matchAll(new RegExp(`Saved \\S*/${last}: .* state_dict CRC-32 ([0-9a-f]{8})`, 'g'))];
  expect(crcs.length, `the log tells the CRC-32 of ${last}`).toBeGreaterThan(0);
  expect(Object.keys(tensors).length).toBeGreaterThan(100);
  return { records: recordsOf(texts.join('')), tensors, stateDictCrc: crcs.at(-1)?.[1] ?? '' };
}

/** Times are no part of a record. */
function recordsOf(text: string): Record<string, string> {
  const records: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (!line.includes('"mode"')) continue;
    const record = JSON.parse(line.replaceAll(/\bNaN\b/g, 'null')) as Record<string, unknown>;
    delete record['time'];
    delete record['data_time'];
    const { mode, epoch, iter } = record;
    records[`${String(mode)} ${String(epoch)} ${String(iter)}`] = JSON.stringify(record);
  }
  return records;
}
