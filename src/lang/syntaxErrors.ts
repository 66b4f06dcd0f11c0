// Reads the error nodes of Lezer's tree as a person would: an unclosed bracket, a missing comma, a stray token.

import type { SyntaxNode, Tree } from '@lezer/common';
import { PyError, type Range } from './pyError.ts';
import { isClosed, readStringToken } from './stringLiteral.ts';
import { at as itemAt } from '../util/at.ts';

const MAX_REPORTED = 20;
const BRACKETS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Every syntax error of a tree, at most one per line, in order of place. */
export function findSyntaxErrors(tree: Tree, text: string): PyError[] {
  const errors: PyError[] = [];
  const lines = new Set<number>();
  const unclosed = new Set<number>();
  const trulyUnclosed = unclosedOffsets(tree, text);
  const add = (message: string, range: Range, hint?: string): void => {
    const line = text.lastIndexOf('\n', Math.max(0, range.from - 1));
    if (lines.has(line) || errors.length >= MAX_REPORTED) return;
    lines.add(line);
    errors.push(new PyError('SyntaxError', message, { range: { from: range.from, to: range.to }, hint }));
  };
  tree.iterate({
    enter: (ref) => {
      if (ref.name === 'String' || ref.name === 'FormatString') checkString(ref.node, text, add);
      if (!ref.type.isError) return;
      const bracket = unclosedBracket(ref.node);
      const opener = bracket && trulyUnclosed.has(bracket.from) ? bracket : null;
      if (opener && !unclosed.has(opener.from)) {
        unclosed.add(opener.from);
        add(`'${opener.name}' must be closed, but it never is`, opener, `add '${BRACKETS[opener.name]}'`);
        return;
      }
      if (!opener) describe(ref.node, text, add);
    },
  });
  return errors.sort((a, b) => (a.range?.from ?? 0) - (b.range?.from ?? 0));
}

/** Offsets of opening brackets that no bracket closes, counted over the whole text outside strings and comments. */
function unclosedOffsets(tree: Tree, text: string): Set<number> {
  const stack: { readonly char: string; readonly at: number }[] = [];
  const masked: [number, number][] = [];
  tree.iterate({
    enter: ({ name, from, to }) => {
      if (name === 'String' || name === 'FormatString' || name === 'Comment') masked.push([from, to]);
      return name !== 'String' && name !== 'FormatString';
    },
  });
  let next = 0;
  for (let i = 0; i < text.length; i++) {
    while (next < masked.length && itemAt(masked, next)[1] <= i) next += 1;
    if (next < masked.length && i >= itemAt(masked, next)[0]) {
      i = itemAt(masked, next)[1] - 1;
      continue;
    }
    const char = text.charAt(i);
    if (BRACKETS[char] !== undefined) stack.push({ char, at: i });
    else if (stack.length > 0 && char === BRACKETS[itemAt(stack, stack.length - 1).char]) stack.pop();
  }
  return new Set(stack.map((s) => s.at));
}

type Add = (message: string, range: Range, hint?: string) => void;

function checkString(node: SyntaxNode, text: string, add: Add): void {
  const source = text.slice(node.from, node.to);
  const token = readStringToken(source);
  if (isClosed(source, token)) return;
  const hint =
    token.quote.length === 1
      ? `add ${token.quote} at its end, or use ${token.quote.repeat(3)} for several lines`
      : `add ${token.quote} at its end`;
  const end = Math.min(node.to, node.from + 40);
  add(
    `a string opened with ${token.quote} must be closed, but it never is`,
    { from: node.from, to: end },
    hint,
  );
}

/** The opening bracket of the construct an error node stands in, when its closing bracket is missing. */
function unclosedBracket(error: SyntaxNode): SyntaxNode | null {
  const parent = error.parent;
  if (!parent) return null;
  let opener: SyntaxNode | null = null;
  let isStray = false;
  for (let child = parent.firstChild; child; child = child.nextSibling) {
    if (BRACKETS[child.name] !== undefined) opener = child;
    else if (opener && child.name === BRACKETS[opener.name]) opener = null;
    if (child.from === error.from && child.to === error.to && child.type.isError && child.nextSibling)
      isStray = true;
  }
  return isStray && opener && error.to > error.from ? null : opener;
}

function describe(error: SyntaxNode, text: string, add: Add): void {
  const { from, to } = error;
  const bad = text.slice(from, to).trim();
  if (bad !== '') {
    const first = /^\S+/.exec(bad)?.[0] ?? bad;
    const isInBrackets = error.parent?.firstChild?.name.length === 1;
    const hint =
      strayHint(first) ??
      (isInBrackets && /^[\w'"]/.test(first) ? 'is a comma missing before it?' : undefined);
    add(`'${first.slice(0, 30)}' is not expected here`, { from, to: from + first.length }, hint);
    return;
  }
  const before = text.slice(0, from).trimEnd();
  const next = error.nextSibling;
  const lineStart = before.lastIndexOf('\n') + 1;
  const last = /(\w+|\S)$/.exec(before.slice(lineStart))?.[0] ?? '';
  const at = { from: Math.max(lineStart, before.length - Math.max(1, last.length)), to: before.length };
  const isInBrackets = error.parent !== null && error.parent.firstChild?.name.length === 1;
  if (
    isInBrackets &&
    (next === null || /Expression|String|Number|Name|Boolean|None|Assign/.test(next.name))
  ) {
    add(`'${last}' must be followed by a comma or a closing bracket`, at, "add ','");
  } else if (last === '') add('a statement is incomplete here', { from, to: Math.max(from + 1, to) });
  else add(`something is missing after '${last}'`, at);
}

function strayHint(token: string): string | undefined {
  if (token === ')' || token === ']' || token === '}') return 'it closes a bracket that was never opened';
  if (/^[“”‘’]/.test(token)) return 'use straight quotes, \' or "';
  if (token === '&&') return "write 'and'";
  if (token === '||') return "write 'or'";
  if (token === '!') return "write 'not'";
  if (token === '//' || token === '/*') return "a comment starts with '#'";
  return undefined;
}
