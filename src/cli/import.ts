import { ConfigError } from '../errors/trainerError.ts';
import type { ImportProgress } from '../importing/importFolder.ts';
import { formatBytes } from '../util/formatBytes.ts';
import type { Arguments } from './arguments.ts';
import { importData } from './importData.ts';

/** `tabtrain import PATH --name NAME`: counts and every warning. */
export async function runImport(args: Arguments): Promise<number> {
  const [path = ''] = args.positional;
  const bboxFormat = args.value('bbox-format') ?? 'xywh';
  if (bboxFormat !== 'xywh' && bboxFormat !== 'xyxy') {
    throw new ConfigError(`--bbox-format must be xywh or xyxy, but got ${bboxFormat}`, {
      code: 'bad-option',
    });
  }
  const cancel = new AbortController();
  const onInterrupt = (): void => {
    // A second time: now. What is left is swept by the next import.
    if (cancel.signal.aborted) process.exit(130);
    console.error('cancelling the import (nothing of it stays; Ctrl-C again quits at once)');
    cancel.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const { exitCode, text } = await importData(path, {
      name: args.value('name'),
      json: args.has('json'),
      replace: args.has('replace'),
      bboxFormat,
      signal: cancel.signal,
      onProgress: process.stderr.isTTY ? progressLine() : undefined,
    });
    if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
    console.log(text);
    return cancel.signal.aborted ? 130 : exitCode;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

const CLEAR_LINE = '\r\u001b[K';
const PROGRESS_MS = 200;

/** One line on stderr that is written over. */
function progressLine(): (progress: ImportProgress) => void {
  let lastMs = 0;
  return ({ phase, done, total, bytes }) => {
    const ms = performance.now();
    if (ms - lastMs < PROGRESS_MS) return;
    lastMs = ms;
    const files = total === 0 ? `${done}` : `${done} of ${total}`;
    process.stderr.write(`${CLEAR_LINE}${phase}: ${files} files, ${formatBytes(bytes)}`);
  };
}
