// What `npm start` and `npm test` need on a fresh clone. Only Node's own modules: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Run a command in the checkout, its output shown. @returns its exit code */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** Install the npm packages of package-lock.json unless they are there. */
export function ensurePackages() {
  if (arePackagesInstalled()) return;
  console.log('Installing packages (npm ci) …');
  if (
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }) !== 0
  )
    process.exit(1);
}

/** By what npm wrote about its last installation, package by package; files' times tell nothing after a checkout. */
function arePackagesInstalled() {
  const installed = lockedPackages(`${root}/node_modules/.package-lock.json`);
  const wanted = lockedPackages(`${root}/package-lock.json`);
  if (!installed || !wanted) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional, peer }]) => {
    const found = installed[path];
    // The root itself; and packages for other machines, which npm leaves out.
    if (path === '' || (!found && (optional || peer))) return true;
    return found?.version === version && found.integrity === integrity;
  });
}

function lockedPackages(path) {
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/**
 * The Chromium for the end-to-end tests: $CHROMIUM, the system's, Debian's where it can be installed, else Playwright's own.
 * @returns its path; undefined for Playwright's own
 */
export function ensureChromium() {
  const candidates = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  const findInstalled = () => candidates.find((path) => path && existsSync(path));
  const found = findInstalled() ?? (installFromDebian() ? findInstalled() : undefined);
  if (found) return found;
  console.log(
    "Chromium is not on this machine and can't be had from apt: using Playwright's own (npx playwright install chromium) …",
  );
  if (run('npx', ['playwright', 'install', 'chromium'], { stdio: ['ignore', 'ignore', 'inherit'] }) === 0)
    return undefined;
  console.error(
    'npm test needs Chromium: install it (Debian: apt-get install chromium libvulkan1 python3-torch), or set CHROMIUM to its path.',
  );
  process.exit(1);
}

/** @returns false where apt is not there, not allowed, or fails */
function installFromDebian() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  console.log('Installing Chromium (apt-get) …');
  const apt = (...args) => run('apt-get', args, { stdio: 'ignore' }) === 0;
  return apt('update', '-qq') && apt('install', '-y', '-qq', 'chromium', 'libvulkan1', 'python3-torch');
}
