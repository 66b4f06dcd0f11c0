// Errors that nobody waits for end the command: those of a person's modules by way of their run, all others at once.

import { formatReport, toErrorReport } from '../errors/trainerError.ts';
import type { TakeStray } from '../usercode/strayErrors.ts';

const takers = new Set<TakeStray>();

/** Ask `take` first. @returns stops that */
export function watchStray(take: TakeStray): () => void {
  takers.add(take);
  return () => void takers.delete(take);
}

/** What the process does with an error that came up nowhere: exit code 1, unless a run takes it. */
export function onStrayError(error: unknown): void {
  for (const take of takers) if (take(error)) return;
  console.error(describeError(error, 'nobody waited for this error: await the promise it comes from'));
  process.exit(1);
}

/** An error as the command line shows it. @param hint for one that says nothing itself */
export function describeError(error: unknown, hint = 'this is a bug of tabtrain: please report it'): string {
  const report = toErrorReport(error);
  if (report.code !== 'internal') return `${report.name}: ${formatReport(report)}`;
  return `${report.stack ?? report.message}\n  hint: ${hint}`;
}
