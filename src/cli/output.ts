// Output that nobody reads any more (`| head -1`, a closed terminal), or that finds no room, ends no command.

let isWatched = false;
let hasFailed = false;

/** Without a reader nothing is missing; on a full disk it is. */
const READER_GONE = ['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED', 'ECONNRESET'];

/** Swallow the errors of stdout and stderr. */
export function watchOutput(): {
  /** Whether output is missing that somebody wanted. */ isIncomplete(): boolean;
} {
  if (!isWatched) {
    isWatched = true;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      hasFailed ||= !READER_GONE.includes(error.code ?? '');
    });
    process.stderr.on('error', () => undefined);
  }
  return { isIncomplete: () => hasFailed };
}
