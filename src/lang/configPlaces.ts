// Where in a config one is, while the text is broken because somebody types: brackets, keys and strings, nothing else.
// A parser would take an open bracket's rest of the file for its content, or nothing at all.

import { scanTokens, type Token } from './scanTokens.ts';

/** One entry of a dict, or a statement at the top level. */
export interface PlacedEntry {
  /** `['model', 'backbone']` for `model['backbone'] = …`; one name for a dict's key. */
  readonly key: readonly string[];
  readonly keyFrom: number;
  readonly keyTo: number;
  /** Behind the `=` or `:`. */
  readonly valueFrom: number;
  /** The value where it is one string. */
  text: string | null;
}

/** A dict, list or call, as far as it is written; or the top level. */
export interface Container {
  readonly kind: 'top' | 'dict' | 'braces' | 'list' | 'call';
  readonly parent: Container | null;
  /** How the parent has it: keys, or a position in a list; null where that can't be said. */
  readonly key: readonly (string | number)[] | null;
  readonly from: number;
  to: number;
  readonly entries: PlacedEntry[];
  /** What lies in it, by their order. */
  readonly children: Container[];
  /** Where its entries begin. */
  readonly starts: number[];
}

/** What is written at an offset. */
export interface ConfigPlace {
  readonly container: Container;
  /** The entry whose key or value it is. */
  readonly entry: PlacedEntry | null;
  readonly at: 'key' | 'value';
  /** The string around the offset, its quotes not counted; null outside of strings. */
  readonly string: { readonly from: number; readonly to: number } | null;
  /** The word around the offset: what a completion replaces. */
  readonly from: number;
  readonly to: number;
}

interface State {
  readonly container: Container;
  entry: PlacedEntry | null;
  /** What a `=` or `:` would make a key of. */
  target: Token[];
  index: number;
}

/** Read the brackets and keys of a text. Never throws. */
export function readContainers(text: string): Container {
  return build(text, [...scanTokens(text)]);
}

function build(text: string, tokens: readonly Token[]): Container {
  const top = containerOf('top', null, [], 0);
  let stack: State[] = [stateOf(top)];
  let before: Token | null = null;
  const current = (): State => stack.at(-1) ?? stateOf(top);
  const close = (to: number): void => {
    const { container } = current();
    container.to = to;
    stack.pop();
  };
  for (const token of tokens) {
    if (token.kind === 'statement') {
      // A statement begins at the margin: whatever is open above was never closed.
      while (stack.length > 1) close(token.from);
      begin(current(), token.from);
      before = null;
      continue;
    }
    const state = current();
    const { container } = state;
    if (token.kind === 'open') {
      const kind = kindOf(token, before, text);
      if (kind === 'subscript') {
        // `model['backbone'] = …`: the string inside belongs to the target.
        stack.push(stateOf(containerOf('call', container, null, token.to), state.target));
      } else {
        const child = containerOf(kind, container, keyIn(state), token.to);
        container.children.push(child);
        stack.push(stateOf(child));
      }
    } else if (token.kind === 'close') {
      const at = stack.findLastIndex(({ container: one }) => one !== top);
      if (at > 0) close(token.from);
    } else if (token.kind === 'comma') {
      begin(state, token.to);
    } else if (token.kind === 'assign') {
      assign(state, token);
    } else if (token.kind === 'name' || token.kind === 'string') {
      if (state.entry) {
        if (token.kind === 'string' && before?.kind === 'assign') state.entry.text = token.text;
      } else state.target.push(token);
    }
    before = token;
  }
  while (stack.length > 1) close(text.length + 1);
  top.to = text.length + 1;
  stack = [];
  return top;
}

function containerOf(
  kind: Container['kind'],
  parent: Container | null,
  key: Container['key'],
  from: number,
): Container {
  return { kind, parent, key, from, to: from, entries: [], children: [], starts: [from] };
}

function stateOf(container: Container, target: Token[] = []): State {
  return { container, entry: null, target, index: 0 };
}

/** The next entry, or the next statement. */
function begin(state: State, from: number): void {
  state.entry = null;
  state.target = [];
  state.index += 1;
  state.container.starts.push(from);
}

function keyIn({ container, entry, index }: State): Container['key'] {
  if (container.kind === 'list') return [index];
  return entry?.key ?? null;
}

function assign(state: State, token: Token): void {
  const { container, target } = state;
  const isBraces = container.kind === 'braces';
  if (token.text === ':' ? !isBraces : isBraces || container.kind === 'list') return;
  const [first] = target;
  const last = target.at(-1);
  if (!first || !last || state.entry) return;
  state.entry = {
    key: target.map(({ text }) => text),
    keyFrom: first.from,
    keyTo: last.to,
    valueFrom: token.to,
    text: null,
  };
  container.entries.push(state.entry);
}

function kindOf(token: Token, before: Token | null, text: string): Container['kind'] | 'subscript' {
  const isBehindName = before?.kind === 'name' && before.to === token.from;
  if (token.text === '{') return 'braces';
  if (token.text === '[') return isBehindName || text[token.from - 1] === ']' ? 'subscript' : 'list';
  if (isBehindName) return before.text === 'dict' ? 'dict' : 'call';
  return 'list';
}

/** What is written at an offset of a text. */
export function placeAt(text: string, offset: number): ConfigPlace | null {
  const tokens = [...scanTokens(text)];
  const within = tokens.find(({ kind, from, to }) => kind === 'comment' && from < offset && offset <= to);
  if (within) return null;
  const container = innermostAt(build(text, tokens), offset);
  const begun = container.starts.findLast((from) => from <= offset) ?? container.from;
  // A statement at the top level ends with its line.
  const start = container.kind === 'top' ? Math.max(begun, text.lastIndexOf('\n', offset - 1) + 1) : begun;
  const entry = container.entries.findLast(({ keyFrom }) => keyFrom >= start && keyFrom <= offset) ?? null;
  const string = tokens.find(
    ({ kind, from, to, isOpen }) =>
      kind === 'string' && from < offset && (offset < to || (isOpen === true && offset <= to)),
  );
  const [wordFrom, wordTo] = wordAt(text, offset);
  const inside = string && innerOf(string, text, wordTo);
  const [from, to] = inside ? [inside.from, inside.to] : [wordFrom, wordTo];
  return {
    container,
    entry,
    at: entry && offset >= entry.valueFrom ? 'value' : 'key',
    string: inside ?? null,
    from,
    to,
  };
}

/** The container around an offset. */
export function innermostAt(container: Container, offset: number): Container {
  const child = container.children.find(({ from, to }) => from <= offset && offset <= to);
  return child ? innermostAt(child, offset) : container;
}

/** @param end of a string whose end is missing */
function innerOf({ from, to, isOpen }: Token, text: string, end: number): { from: number; to: number } {
  const prefix = /^[a-zA-Z]*/.exec(text.slice(from, to))?.[0].length ?? 0;
  const quote = /^("""|'''|"|')/.exec(text.slice(from + prefix))?.[0].length ?? 1;
  return { from: from + prefix + quote, to: isOpen === true ? end : to - quote };
}

function wordAt(text: string, offset: number): [number, number] {
  const before = /\w*$/.exec(text.slice(0, offset))?.[0].length ?? 0;
  const after = /^\w*/.exec(text.slice(offset))?.[0].length ?? 0;
  return [offset - before, offset + after];
}

/**
 * The way from the top level to a container; null where a part of it can't be said.
 * @example pathTo(container) // ['data', 'train', 'pipeline', 2]
 */
export function pathTo(container: Container): readonly (string | number)[] | null {
  if (!container.parent) return [];
  const outer = pathTo(container.parent);
  return outer && container.key ? [...outer, ...container.key] : null;
}
