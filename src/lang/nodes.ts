// Small helpers over Lezer's nodes.

import type { SyntaxNode } from '@lezer/common';
import { at } from '../util/at.ts';

/** Children of a node without comments. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'Comment') children.push(child);
  }
  return children;
}

/** Split a run of nodes at separators; `a, b,` gives [[a], [b], []]. */
export function splitBy(nodes: readonly SyntaxNode[], separator: string): SyntaxNode[][] {
  const parts: SyntaxNode[][] = [[]];
  for (const node of nodes) {
    if (node.name === separator) parts.push([]);
    else at(parts, parts.length - 1).push(node);
  }
  return parts;
}
