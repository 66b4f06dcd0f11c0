// From text to our syntax tree, through Lezer's error-tolerant Python grammar. Never throws on bad text.

import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import type { BinaryOp, Expr, Handler, ImportedName, Stmt } from './ast.ts';
import { childrenOf, splitBy } from './nodes.ts';
import { ExpressionParser } from './parseExpression.ts';
import { PyError, type Range } from './pyError.ts';
import { findSyntaxErrors } from './syntaxErrors.ts';
import { at as itemAt } from '../util/at.ts';

export interface Parsed {
  readonly body: readonly Stmt[];
  /** SyntaxErrors, in order of place. Statements that have one are left out of `body`. */
  readonly errors: readonly PyError[];
}

/** Parse a whole file. */
export function parseModule(text: string): Parsed {
  const tree: Tree = parser.parse(readable(text));
  const errors = findSyntaxErrors(tree, text);
  const body: Stmt[] = [];
  if (errors.length > 0) return { body, errors };
  const statements = new StatementParser(text, errors);
  body.push(...statements.block(childrenOf(tree.topNode), true));
  return { body, errors: errors.sort((a, b) => (a.range?.from ?? 0) - (b.range?.from ?? 0)) };
}

/**
 * Lezer's grammar wants a digit after a number's point, but Python reads `3.` too. The parser sees `3_` there, which has the same
 * length and shape; values are always read from the text itself.
 */
function readable(text: string): string {
  return text.replace(/(?<![\w.])(\d[\d_]*)\.(?=[eE][+-]?\d|[^\w.]|$)/g, '$1_');
}

class StatementParser {
  readonly #expressions: ExpressionParser;
  readonly #errors: PyError[];

  constructor(text: string, errors: PyError[]) {
    this.#expressions = new ExpressionParser(text);
    this.#errors = errors;
  }

  /** Statements of a block; one that fails is reported and left out, so that others are still checked. */
  block(nodes: readonly SyntaxNode[], isTop = false): Stmt[] {
    const body: Stmt[] = [];
    this.#checkIndent(nodes, isTop);
    for (const node of nodes) {
      if (node.name === 'StatementGroup') {
        body.push(...this.block(childrenOf(node).filter((c) => c.name !== ';')));
        continue;
      }
      try {
        const stmt = this.#statement(node, childrenOf(node));
        if (stmt) body.push(stmt);
      } catch (error) {
        if (!(error instanceof PyError)) throw error;
        error.range ??= node;
        this.#errors.push(error);
      }
    }
    return body;
  }

  /** Lezer accepts a line that is indented for no reason; Python doesn't. */
  #checkIndent(nodes: readonly SyntaxNode[], isTop: boolean): void {
    const { text } = this.#expressions;
    let expected = isTop ? '' : null;
    for (const node of nodes) {
      const lineStart = text.lastIndexOf('\n', node.from - 1) + 1;
      const indent = text.slice(lineStart, node.from);
      if (indent.trim() !== '') continue;
      expected ??= indent;
      if (indent === expected) continue;
      const range = { from: lineStart, to: node.from };
      this.#errors.push(
        new PyError(
          'SyntaxError',
          `this line must be indented by ${expected.length} spaces, but it has ${indent.length}`,
          {
            range: range.to > range.from ? range : node,
          },
        ),
      );
      return;
    }
  }

  #source(node: SyntaxNode): string {
    return this.#expressions.source(node);
  }

  #body(node: SyntaxNode | undefined): Stmt[] {
    return node ? this.block(childrenOf(node).filter((c) => c.name !== ':')) : [];
  }

  #statement(node: SyntaxNode, children: readonly SyntaxNode[]): Stmt | null {
    const range = { from: node.from, to: node.to };
    const parser = this.#expressions;
    switch (node.name) {
      case 'AssignStatement':
        return this.#assign(children, range);
      case 'UpdateStatement': {
        const at = children.findIndex((c) => c.name === 'UpdateOp');
        const op = this.#source(itemAt(children, at)).slice(0, -1) as BinaryOp;
        const target = this.#target(parser.expressionList(children.slice(0, at), range), false);
        return {
          kind: 'update',
          target,
          op,
          value: parser.expressionList(children.slice(at + 1), range),
          ...range,
        };
      }
      case 'ExpressionStatement':
        return { kind: 'expr', value: parser.expressionList(children, range), ...range };
      case 'DeleteStatement':
        return {
          kind: 'del',
          targets: splitBy(children.slice(1), ',')
            .filter((part) => part.length > 0)
            .map((part) => parser.expression(itemAt(part, 0))),
          ...range,
        };
      case 'PassStatement':
        return { kind: 'pass', ...range };
      case 'BreakStatement':
        return { kind: 'break', ...range };
      case 'ContinueStatement':
        return { kind: 'continue', ...range };
      case 'ReturnStatement':
        return {
          kind: 'return',
          value: children.length > 1 ? parser.expressionList(children.slice(1), range) : null,
          ...range,
        };
      case 'RaiseStatement':
        return { kind: 'raise', value: children[1] ? parser.expression(children[1]) : null, ...range };
      case 'AssertStatement': {
        const [test = [], message] = splitBy(children.slice(1), ',');
        return {
          kind: 'assert',
          test: parser.expression(itemAt(test, 0)),
          message: message?.[0] ? parser.expression(message[0]) : null,
          ...range,
        };
      }
      case 'ScopeStatement':
        return {
          kind: 'global',
          names: children.filter((c) => c.name === 'VariableName').map((c) => this.#source(c)),
          ...range,
        };
      case 'ImportStatement':
        return this.#import(children, range);
      case 'IfStatement':
        return this.#if(children, range);
      case 'WhileStatement':
        return {
          kind: 'while',
          test: parser.expression(itemAt(children, 1)),
          body: this.#body(children[2]),
          otherwise: this.#body(children[4]),
          ...range,
        };
      case 'ForStatement':
        return this.#for(children, range);
      case 'TryStatement':
        return this.#try(children, range);
      case 'FunctionDefinition': {
        const name = children.find((c) => c.name === 'VariableName');
        const params = children.find((c) => c.name === 'ParamList');
        if (!name || !params || itemAt(children, 0).name !== 'def') break;
        return {
          kind: 'def',
          name: this.#source(name),
          params: parser.params(params),
          body: this.#body(children[children.length - 1]),
          ...range,
        };
      }
      case 'ClassDefinition':
        return {
          kind: 'class',
          name: this.#source(itemAt(children, 1)),
          body: this.#body(children[children.length - 1]),
          ...range,
        };
      case 'PrintStatement':
        return parser.fail('print must be called', range, 'write print(…)');
    }
    const word = this.#source(children[0] ?? node).slice(0, 20);
    return parser.fail(`the statement '${word} …' is not supported in a config`, range);
  }

  #assign(children: readonly SyntaxNode[], range: Range): Stmt | null {
    const parser = this.#expressions;
    const withoutType = children.filter((c) => c.name !== 'TypeDef');
    const segments: SyntaxNode[][] = [[]];
    for (const child of withoutType) {
      if (child.name === 'AssignOp') segments.push([]);
      else itemAt(segments, segments.length - 1).push(child);
    }
    // A bare annotation, `a: int`, assigns nothing.
    if (segments.length === 1) return null;
    const exprs = segments.map((segment) => parser.expressionList(segment, range));
    const value = itemAt(exprs, exprs.length - 1);
    if (value.kind === 'star') return parser.fail('a starred value needs a list or tuple around it', value);
    return { kind: 'assign', targets: exprs.slice(0, -1).map((t) => this.#target(t, true)), value, ...range };
  }

  /** Check that something can be assigned to. */
  #target(expr: Expr, allowsMany: boolean): Expr {
    switch (expr.kind) {
      case 'name':
      case 'attribute':
      case 'subscript':
        return expr;
      case 'star':
        this.#target(expr.value, allowsMany);
        return expr;
      case 'list':
      case 'tuple':
        if (!allowsMany) break;
        for (const item of expr.items) this.#target(item, true);
        return expr;
    }
    return this.#expressions.fail(
      `only a name, an entry or a tuple of them can be assigned to, but this is a ${expr.kind}`,
      expr,
      expr.kind === 'compare' ? undefined : "was '==' meant?",
    );
  }

  #import(children: readonly SyntaxNode[], range: Range): Stmt {
    const importAt = children.findIndex((c) => c.name === 'import');
    const names: ImportedName[] = [];
    const inner = children.slice(importAt + 1).filter((c) => c.name !== '(' && c.name !== ')');
    for (const part of splitBy(inner, ',')) {
      if (part.length === 0) continue;
      const asAt = part.findIndex((c) => c.name === 'as');
      const nameNodes = asAt === -1 ? part : part.slice(0, asAt);
      names.push({
        name: nameNodes.map((c) => this.#source(c)).join(''),
        alias: asAt === -1 ? null : this.#source(itemAt(part, asAt + 1)),
        range: { from: itemAt(part, 0).from, to: itemAt(part, part.length - 1).to },
      });
    }
    if (importAt === 0) return { kind: 'import', names, ...range };
    const module = children
      .slice(1, importAt)
      .map((c) => this.#source(c))
      .join('');
    return { kind: 'from-import', module, names, ...range };
  }

  #if(children: readonly SyntaxNode[], range: Range): Stmt {
    const branches: { test: Expr | null; body: Stmt[] }[] = [];
    for (let i = 0; i < children.length;) {
      if (itemAt(children, i).name === 'else') {
        branches.push({ test: null, body: this.#body(children[i + 1]) });
        i += 2;
      } else {
        branches.push({
          test: this.#expressions.expression(itemAt(children, i + 1)),
          body: this.#body(children[i + 2]),
        });
        i += 3;
      }
    }
    return { kind: 'if', branches, ...range };
  }

  #for(children: readonly SyntaxNode[], range: Range): Stmt {
    const inAt = children.findIndex((c) => c.name === 'in');
    const bodyAt = children.findIndex((c) => c.name === 'Body');
    return {
      kind: 'for',
      target: this.#target(this.#expressions.expressionList(children.slice(1, inAt), range), true),
      iter: this.#expressions.expressionList(children.slice(inAt + 1, bodyAt), range),
      body: this.#body(children[bodyAt]),
      otherwise: this.#body(children[bodyAt + 2]),
      ...range,
    };
  }

  #try(children: readonly SyntaxNode[], range: Range): Stmt {
    const handlers: Handler[] = [];
    let otherwise: Stmt[] = [];
    let final: Stmt[] = [];
    let i = 2;
    while (i < children.length) {
      const keyword = itemAt(children, i).name;
      const bodyAt = children.findIndex((c, j) => j > i && c.name === 'Body');
      const body = this.#body(children[bodyAt]);
      if (keyword === 'else') otherwise = body;
      else if (keyword === 'finally') final = body;
      else {
        const head = children.slice(i + 1, bodyAt);
        handlers.push({
          type: head[0] ? this.#expressions.expression(head[0]) : null,
          name: head[2] ? this.#source(head[2]) : null,
          body,
        });
      }
      i = bodyAt + 1;
    }
    return { kind: 'try', body: this.#body(children[1]), handlers, otherwise, final, ...range };
  }
}
