import { sendUnsent } from '../run/sendUnsent.ts';
import type { Arguments } from './arguments.ts';
import { createNodeRoot } from './nodeRoot.ts';

/** `tabtrain send-unsent DIR`: exit code 1 when records are left. */
export async function runSendUnsent(args: Arguments): Promise<number> {
  const root = createNodeRoot([]);
  const left = await sendUnsent({
    fs: root.fs,
    workDir: root.path(args.word(0)),
    readEnv: (name) => process.env[name],
    log: (line) => console.log(line),
  });
  return left === 0 ? 0 : 1;
}
