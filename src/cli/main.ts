// `npx tabtrain <command>`: the same core as the page, in Node on Dawn.

import { toErrorReport } from '../errors/trainerError.ts';
import type { Command, Tools } from './command.ts';
import { COMMANDS, PARITY } from './commands.ts';
import { watchOutput } from './output.ts';
import '../plan/registerAll.ts';
import { maskSecrets } from '../util/secrets.ts';
import { parseArguments } from './arguments.ts';
import { describeError } from './strayErrors.ts';

export { onStrayError } from './strayErrors.ts';

/**
 * Run one command.
 * @param argv without `node` and the script
 * @param tools from the script that starts it
 * @param others commands besides the product's own
 * @returns the exit code: 0 done, 1 the run failed, 2 the input is at fault
 */
export async function main(
  argv: readonly string[],
  tools: Tools = {},
  others: readonly Command[] = [],
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  const command = [...COMMANDS, ...others].find((c) => c.name === name);
  if (!command) {
    console.error(`unknown command '${name}'\n\n${usage()}`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(commandUsage(command));
    return 0;
  }
  const output = watchOutput();
  try {
    const code = await command.run(parseArguments(rest, command), tools);
    return code === 0 && output.isIncomplete() ? 1 : code;
  } catch (error) {
    console.error(maskSecrets(describeError(error)));
    return toErrorReport(error).isInputError ? 2 : 1;
  }
}

function usage(): string {
  const rows = [...COMMANDS, PARITY].map(
    (c) => `  ${`${c.name} ${c.positional.map((p) => p.toUpperCase()).join(' ')}`.padEnd(28)}${c.summary}`,
  );
  return `usage: tabtrain COMMAND …\n\n${rows.join('\n')}\n\ntabtrain COMMAND --help tells its options.`;
}

function commandUsage(command: Command): string {
  const options = command.options.map(
    (o) => `  --${o.name}${o.value ? ` ${o.value}` : ''}`.padEnd(30) + o.summary,
  );
  const head = `usage: tabtrain ${command.name} ${command.positional.map((p) => p.toUpperCase()).join(' ')}`;
  return [head, '', command.summary, '', ...options].join('\n');
}
