import { ConfigError } from '../errors/trainerError.ts';
import type { Arguments } from './arguments.ts';
import { importData } from './importData.ts';

/** `tabtrain import PATH --name NAME`: counts and every warning. */
export async function runImport(args: Arguments): Promise<number> {
  const [path] = args.positional;
  const bboxFormat = args.value('bbox-format') ?? 'xywh';
  if (bboxFormat !== 'xywh' && bboxFormat !== 'xyxy') {
    throw new ConfigError(`--bbox-format must be xywh or xyxy, but got ${bboxFormat}`, {
      code: 'bad-option',
    });
  }
  const { exitCode, text } = await importData(path, {
    name: args.value('name'),
    json: args.has('json'),
    replace: args.has('replace'),
    bboxFormat,
  });
  console.log(text);
  return exitCode;
}
