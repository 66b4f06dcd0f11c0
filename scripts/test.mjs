// npm test: type check, lint, unit tests (with the layering test), build and its sizes, end-to-end tests in Chromium.
// Every step runs even when an earlier one failed; the last line is `N passed, N failed`.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureChromium, ensurePackages, root, run } from './setup.mjs';

ensurePackages();
const chromium = ensureChromium();
const results = `${root}/test-results`;
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
let passed = 0;
let failed = 0;

step('type check', 'npm', ['run', '-s', 'check']);
step('lint and format', 'npm', ['run', '-s', 'lint']);
suite(
  'unit tests',
  'npx',
  ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}/unit.json`],
  `${results}/unit.json`,
  countVitest,
);
step('build', 'npx', ['vite', 'build', '--logLevel', 'warn']);
step('sizes of shell and worker', 'node', ['scripts/bundleSizes.mjs']);
suite(
  'end-to-end tests',
  'npx',
  ['playwright', 'test', '--reporter=list,json'],
  `${results}/e2e.json`,
  countPlaywright,
  {
    CHROMIUM: chromium,
    PLAYWRIGHT_JSON_OUTPUT_NAME: `${results}/e2e.json`,
  },
);

console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function step(name, command, args) {
  console.log(`\n== ${name}`);
  if (run(command, args) === 0) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED: ${name}`);
  }
}

/** A step that counts its own tests. A runner that fails without a failed test (a crash, no test) is one failure. */
function suite(name, command, args, report, count, env = {}) {
  console.log(`\n== ${name}`);
  const code = run(command, args, { env: { ...process.env, ...env } });
  const counts = existsSync(report)
    ? count(JSON.parse(readFileSync(report, 'utf8')))
    : { passed: 0, failed: 0 };
  passed += counts.passed;
  failed += counts.failed;
  if ((code !== 0 || counts.passed === 0) && counts.failed === 0) {
    failed += 1;
    console.log(`FAILED: ${name} ended with code ${code}`);
  }
}

function countVitest(report) {
  return { passed: report.numPassedTests, failed: report.numFailedTests };
}

function countPlaywright(report) {
  return { passed: report.stats.expected + report.stats.flaky, failed: report.stats.unexpected };
}
