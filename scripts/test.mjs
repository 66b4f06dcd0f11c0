// npm test: type check, lint, unit tests (with conformance and the layering test), build and its sizes, end-to-end tests in Chromium.
// One line a step with its time, failures in full; every step runs even when an earlier one failed. The last line is
// `N passed, N failed`.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureChromium, ensurePackages, root } from './setup.mjs';

ensurePackages();
const chromium = ensureChromium();
const results = `${root}/test-results`;
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
let passed = 0;
let failed = 0;

// Two cores: what uses one each goes side by side, the unit tests and the browser need both.
await Promise.all([
  step('type check', 'npm', ['run', '-s', 'check']),
  step('lint and format', 'npm', ['run', '-s', 'lint']).then(async () => {
    await step('build', 'npx', ['vite', 'build', '--logLevel', 'warn']);
    await step('sizes of shell and worker', 'node', ['scripts/bundleSizes.mjs']);
  }),
]);
const unit = `${results}/unit.json`;
await suite(
  'unit tests and conformance',
  ['vitest', 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${unit}`],
  { report: unit, count: countVitest, failures: /Failed (Tests|Suites)|Unhandled/ },
);
// Those that watch the clock have the machine for themselves.
for (const [project, name] of [
  ['pages', 'end-to-end tests'],
  ['timed', 'end-to-end tests that watch the clock'],
]) {
  const report = `${results}/e2e-${project}.json`;
  const args = ['playwright', 'test', '--project', project, '--reporter=dot,json'];
  await suite(name, [...args, '--output', `${results}/e2e-${project}`], {
    report,
    count: countPlaywright,
    failures: /^ {2}1\) /m,
    env: { ...(chromium && { CHROMIUM: chromium }), PLAYWRIGHT_JSON_OUTPUT_NAME: report },
  });
}

console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Run a command quietly. @returns its exit code, what it printed, and how long it took */
function quietly(command, args, env = {}) {
  const started = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output, took: seconds(started) }));
  });
}

function seconds(started) {
  return `${Math.round((Date.now() - started) / 1000)} s`;
}

async function step(name, command, args) {
  const { code, output, took } = await quietly(command, args);
  console.log(`== ${name}: ${took}`);
  if (code === 0) {
    passed += 1;
    return;
  }
  failed += 1;
  console.log(`${output}\nFAILED: ${name} ended with code ${code}`);
}

/**
 * A step that counts its own tests. A runner that fails without a failed test (a crash, no test) is one failure.
 * @param failures where the runner's output begins to tell what failed
 */
async function suite(name, args, { report, count, failures, env }) {
  const { code, output, took } = await quietly('npx', args, env);
  const counts = existsSync(report)
    ? count(JSON.parse(readFileSync(report, 'utf8')))
    : { passed: 0, failed: 0 };
  passed += counts.passed;
  failed += counts.failed;
  const parts = (counts.parts ?? []).map((part) => `; ${part}`).join('');
  console.log(`== ${name}: ${took} (${counts.passed} passed, ${counts.failed} failed${parts})`);
  const hasCrashed = (code !== 0 || counts.passed === 0) && counts.failed === 0;
  if (counts.failed > 0 || hasCrashed) console.log(output.slice(Math.max(0, output.search(failures))));
  if (!hasCrashed) return;
  failed += 1;
  console.log(`FAILED: ${name} ended with code ${code}`);
}

function countVitest(report) {
  const file = report.testResults.find(({ name }) => name.endsWith('conformance/conformance.test.ts'));
  const took = file ? Math.round((file.endTime - file.startTime) / 1000) : 0;
  const of = (status) => file?.assertionResults.filter((test) => test.status === status).length ?? 0;
  const parts = [`conformance: ${of('passed')} cases passed, ${of('skipped')} not built yet, ${took} s`];
  return { passed: report.numPassedTests, failed: report.numFailedTests, parts: file ? parts : [] };
}

function countPlaywright(report) {
  return { passed: report.stats.expected + report.stats.flaky, failed: report.stats.unexpected };
}
