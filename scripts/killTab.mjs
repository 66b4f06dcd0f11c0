#!/usr/bin/env node
// Exact resume in the tab, from the outside: close it at random iterations of two runs, go on in a new one, and compare every
// tensor of the last checkpoint and every record of the log with a run that was never cut off. Needs `npm run build`.
//
//   node scripts/killTab.mjs [--kills 5] [--seed 1]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 100000) },
  },
});
console.log(`seed ${options.seed}`);
const { status } = spawnSync('npx', ['playwright', 'test', 'e2e/resume.spec.ts', '--trace', 'off'], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, TAB_KILLS: options.kills, TAB_SEED: options.seed },
});
process.exitCode = status ?? 1;
