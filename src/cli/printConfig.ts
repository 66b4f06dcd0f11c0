import { configTextReader, loadConfigOrThrow, parseCfgOptions } from '../config/index.ts';
import type { Arguments } from './arguments.ts';
import { createNodeRoot } from './nodeRoot.ts';

/** `tabtrain print-config CONFIG`: the resolved config as MMCV prints it, or as JSON. */
export async function runPrintConfig(args: Arguments): Promise<number> {
  const { fs, path } = createNodeRoot();
  const config = await loadConfigOrThrow(path(args.word(0)), configTextReader(fs), {
    cfgOptions: parseCfgOptions(args.values('cfg-options')),
  });
  console.log(args.has('json') ? JSON.stringify(config.toJSON()) : config.prettyText().trimEnd());
  return 0;
}
