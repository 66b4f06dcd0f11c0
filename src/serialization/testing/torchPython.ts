import { spawnSync } from 'node:child_process';

const CANDIDATES = [process.env.TABTRAIN_PYTHON, 'python3', '/usr/bin/python3'].filter(
  (p) => p !== undefined,
);

/**
 * A Python that has PyTorch (Debian: `apt-get install python3-torch`); undefined on a machine without one.
 * @throws Error in CI when there is none, so that nothing is skipped silently there.
 */
export function findTorchPython(): string | undefined {
  const found = CANDIDATES.find((python) => spawnSync(python, ['-c', 'import torch']).status === 0);
  if (found !== undefined) return found;
  const message = 'no python3 with torch: install python3-torch or set TABTRAIN_PYTHON';
  if (process.env.CI) throw new Error(message);
  console.warn(`tests against real torch.load are skipped: ${message}`);
  return undefined;
}

/** Run a Python script. @returns what it printed. @throws Error with its standard error. */
export function runPython(python: string, script: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(python, ['-W', 'ignore', '-c', script, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`python failed (${status}): ${stderr}`);
  return stdout;
}
