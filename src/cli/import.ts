import type { Arguments } from './arguments.ts';
import { importData } from './importData.ts';

/** `tabtrain import PATH --name NAME`: counts and every warning. */
export async function runImport(args: Arguments): Promise<number> {
  const [path] = args.positional;
  const { exitCode, text } = await importData(path, { name: args.value('name'), json: args.has('json') });
  console.log(text);
  return exitCode;
}
