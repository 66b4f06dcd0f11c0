// A Vite plugin: the declarations of `tabtrain`, as the editor's TypeScript wants them, made from the sources by
// TypeScript itself when the page is built. `import { FILES, ENTRY } from 'virtual:tabtrain-types'`. The command line's come
// from a file that is made anew when a source is newer.
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newestSource } from './bundleNode.mjs';

const ID = 'virtual:tabtrain-types';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ENTRY = 'tabtrain.d.ts';

/** tfjs's own declarations are ten times as large as ours; a person's module needs this much of a tensor. */
const TENSOR_TYPES = `
/** An array of numbers on the GPU. Operations make new ones; \`tidy\` frees those that are left over. */
export interface Tensor {
  readonly id: number;
  /** Lengths of the axes. */
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32' | 'bool' | 'complex64' | 'string';
  /** Number of elements. */
  readonly size: number;
  /** Number of axes. */
  readonly rank: number;
  readonly isDisposed: boolean;
  /** Free its memory. */
  dispose(): void;
}
/** A tensor that can be written to: see \`assign\`. */
export interface Variable extends Tensor { readonly name: string; trainable: boolean }
export type TensorInfo = Pick<Tensor, 'shape' | 'dtype'>;
export type DType = 'float32' | 'int32';
export declare namespace tf {
  type Tensor = import('./tfjs').Tensor;
  type Variable = import('./tfjs').Variable;
  type TensorContainer = void | Tensor | string | number | boolean | object | null | undefined;
}
export declare class WebGPUBackend {}
`;

export function apiTypes() {
  let text = null;
  return {
    name: 'tabtrain-types',
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    async load(id) {
      if (id !== `\0${ID}`) return null;
      text ??= `export const ENTRY = ${JSON.stringify(ENTRY)};\nexport const FILES = ${JSON.stringify(await emitTypes())};\n`;
      return text;
    },
  };
}

/** The declarations for the command line. */
export async function storedTypes() {
  const path = join(root, 'node_modules/.cache/tabtrain/apiTypes.json');
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (made > newestSource()) return JSON.parse(readFileSync(path, 'utf8'));
  const started = new Date();
  const types = { entry: ENTRY, files: await emitTypes() };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(types));
  // A source that was saved meanwhile is newer.
  utimesSync(path, started, started);
  return types;
}

/** Declaration files by path below src/, as far as the public module needs them. */
export async function emitTypes() {
  const { default: ts } = await import('typescript');
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config;
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([join(root, 'src', ENTRY.replace('.d.ts', '.ts'))], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    // `npm run check` does that.
    noCheck: true,
  });
  const emitted = new Map();
  const write = (path, content) => emitted.set(relative(join(root, 'src'), resolve(path)), content);
  program.emit(undefined, write, undefined, true);
  emitted.set('gpu/device/tfjs.d.ts', TENSOR_TYPES);
  const needed = {};
  const queue = [ENTRY];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const content = emitted.get(path);
    if (content === undefined || path in needed) continue;
    // A declaration file is imported without its ending.
    needed[path] = content.replace(
      /(from |import\()(['"])(\.[^'"]*)\.ts\2/g,
      (_, keyword, quote, specifier) => {
        queue.push(join(dirname(path), `${specifier}.d.ts`));
        return `${keyword}${quote}${specifier}${quote}`;
      },
    );
  }
  return needed;
}
