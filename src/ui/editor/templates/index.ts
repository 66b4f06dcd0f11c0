// What the Files panel's New offers. Each module is a working one; its class is named after the file.

import constructorText from './my_optimizer_constructor.ts?raw';
import fusedText from './my_fused_optimizer.ts?raw';
import hookText from './my_hook.ts?raw';
import optimizerText from './my_optimizer.ts?raw';

export interface Template {
  readonly label: string;
  /** Suggested path in the workspace. */
  readonly path: string;
  readonly text: string;
}

const OPTIMIZER_FOLDER = 'mmdet/core/optimizer';

export const TEMPLATES: readonly Template[] = [
  { label: 'New optimizer', path: `${OPTIMIZER_FOLDER}/my_optimizer.ts`, text: optimizerText },
  { label: 'New fused optimizer', path: `${OPTIMIZER_FOLDER}/my_fused_optimizer.ts`, text: fusedText },
  { label: 'New hook', path: 'mmdet/core/utils/my_hook.ts', text: hookText },
  {
    label: 'New optimizer constructor',
    path: `${OPTIMIZER_FOLDER}/my_optimizer_constructor.ts`,
    text: constructorText,
  },
];

/**
 * A template's text for a file at `path`: its module and class get the file's name.
 * @example textFor(hook, 'mine/say_hello.ts') // … imports=['mine.say_hello'] … class SayHello …
 */
export function textFor(template: Template, path: string): string {
  const module = (file: string): string => file.replace(/\.[jt]s$/, '').replaceAll('/', '.');
  return template.text
    .replaceAll(`'${module(template.path)}'`, `'${module(path)}'`)
    .replaceAll(className(template.path), className(path));
}

/** `say_hello.ts` -> `SayHello` */
function className(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/\.[jt]s$/, '');
  const name = file
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
  return /^[A-Za-z]/.test(name) ? name : `My${name}`;
}
