import { ConfigError } from '../errors/trainerError.ts';
import { nearest } from '../util/nearest.ts';

export interface OptionSpec {
  readonly name: string;
  /** Placeholder of its value; absent for a flag. */
  readonly value?: string;
  /** `once`: one value; `many`: all words up to the next option; repeated uses add up. */
  readonly arity?: 'once' | 'many';
  readonly summary: string;
}

export interface Arguments {
  readonly positional: readonly string[];
  /** The positional word at `index`; '' beyond the last, which the command's declaration rules out. */
  word(index: number): string;
  /** All values given for an option; empty for one that is absent or a flag. */
  values(option: string): readonly string[];
  /** The last value given for an option. */
  value(option: string): string | undefined;
  has(option: string): boolean;
}

/**
 * Read a command's words. `--opt value` and `--opt=value` are the same.
 * @throws ConfigError for an unknown option, a missing value or a wrong number of words
 */
export function parseArguments(
  words: readonly string[],
  command: {
    readonly name: string;
    readonly positional: readonly string[];
    readonly options: readonly OptionSpec[];
  },
): Arguments {
  const positional: string[] = [];
  const found = new Map<string, string[]>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('--') || word === '--') {
      positional.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = word.slice(2, equals === -1 ? undefined : equals);
    const option = command.options.find((o) => o.name === name);
    if (!option) {
      const near = nearest(
        name,
        command.options.map((o) => o.name),
      );
      throw new ConfigError(`tabtrain ${command.name} has no option --${name}`, {
        code: 'unknown-option',
        hint: near ? `did you mean --${near}?` : `tabtrain ${command.name} --help lists them`,
      });
    }
    const values = found.get(name) ?? [];
    found.set(name, values);
    if (!option.value) continue;
    const before = values.length;
    if (equals !== -1) values.push(word.slice(equals + 1));
    else {
      const most = option.arity === 'many' ? Infinity : 1;
      while (values.length - before < most && i + 1 < words.length && !words[i + 1]?.startsWith('--'))
        values.push(words[++i] ?? '');
    }
    if (values.length === before || values.slice(before).includes('')) {
      throw new ConfigError(`--${name} needs a value: --${name} ${option.value}`, { code: 'missing-value' });
    }
  }
  const least = command.positional.filter((name) => !name.endsWith('?')).length;
  if (positional.length < least || positional.length > command.positional.length) {
    const most = command.positional.length;
    throw new ConfigError(
      `tabtrain ${command.name} takes ${least === most ? most : `${least} to ${most}`} argument(s) (${command.positional.join(', ')}), but got ${positional.length}`,
      { code: 'wrong-arguments', hint: `tabtrain ${command.name} --help` },
    );
  }
  return {
    positional,
    word: (index) => positional[index] ?? '',
    values: (option) => found.get(option) ?? [],
    value: (option) => found.get(option)?.at(-1),
    has: (option) => found.has(option),
  };
}
