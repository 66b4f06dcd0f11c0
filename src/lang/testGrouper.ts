// Python's precedence of `or`, `and`, `not` and comparisons (which chain), over a flat run of tokens.

import type { CompareOp, Expr } from './ast.ts';
import { PyError, type Range } from './pyError.ts';
import { at as itemAt } from '../util/at.ts';

export type TestToken =
  { readonly operand: Expr } | { readonly op: 'and' | 'or' | 'not' | CompareOp; readonly range: Range };

/** Groups a run of operands and operators into one expression. */
export class TestGrouper {
  #at = 0;
  readonly #tokens: readonly TestToken[];
  constructor(tokens: readonly TestToken[]) {
    this.#tokens = tokens;
  }

  or(): Expr {
    return this.#joined('or', () => this.#joined('and', () => this.#not()));
  }

  #op(): string | undefined {
    const token = this.#tokens[this.#at];
    return token && 'op' in token ? token.op : undefined;
  }

  #joined(op: 'and' | 'or', next: () => Expr): Expr {
    let left = next();
    while (this.#op() === op) {
      this.#at += 1;
      const right = next();
      left = { kind: 'bool', op, left, right, from: left.from, to: right.to };
    }
    return left;
  }

  #not(): Expr {
    const token = itemAt(this.#tokens, this.#at);
    if ('op' in token && token.op === 'not') {
      this.#at += 1;
      const operand = this.#not();
      return { kind: 'unary', op: 'not', operand, from: token.range.from, to: operand.to };
    }
    const left = this.#operand();
    const rest: { op: CompareOp; right: Expr }[] = [];
    for (let op = this.#op(); op !== undefined && op !== 'and' && op !== 'or'; op = this.#op()) {
      this.#at += 1;
      rest.push({ op: op as CompareOp, right: this.#operand() });
    }
    if (rest.length === 0) return left;
    return { kind: 'compare', left, rest, from: left.from, to: itemAt(rest, rest.length - 1).right.to };
  }

  #operand(): Expr {
    const token = itemAt(this.#tokens, this.#at);
    if ('op' in token) {
      throw new PyError('SyntaxError', `'${token.op}' can not stand here`, {
        range: { from: token.range.from, to: token.range.to },
        hint: 'put parentheses around it',
      });
    }
    this.#at += 1;
    return token.operand;
  }
}
