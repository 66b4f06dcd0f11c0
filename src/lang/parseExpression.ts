// From Lezer's expression nodes to our syntax tree.
// Lezer gives `not` the same strength as `and`/`or` and doesn't chain comparisons, so everything at that level is flattened and grouped again
// by Python's own precedence.

import type { SyntaxNode } from '@lezer/common';
import type { Argument, BinaryOp, CompareOp, CompClause, Expr, FormatPart, Literal, Param } from './ast.ts';
import { MAX_DEPTH } from './limits.ts';
import { smallest } from './numbers.ts';
import { PyError, type Range } from './pyError.ts';
import { childrenOf, splitBy } from './nodes.ts';
import { decodeEscapes, decodeString, isClosed, readStringToken } from './stringLiteral.ts';
import { TestGrouper, type TestToken } from './testGrouper.ts';
import { at as itemAt, take } from '../util/at.ts';

type Distribute<T> = T extends unknown ? Omit<T, 'from' | 'to'> : never;
type BareExpr = Distribute<Expr>;

const isCompareNode = (name: string): boolean =>
  name === 'CompareOp' || name === 'in' || name === 'not' || name === 'is';

export class ExpressionParser {
  readonly text: string;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  source(node: SyntaxNode): string {
    return this.text.slice(node.from, node.to);
  }

  fail(message: string, range: Range, hint?: string): never {
    throw new PyError('SyntaxError', message, { range: { from: range.from, to: range.to }, hint });
  }

  expression(node: SyntaxNode): Expr {
    if (++this.#depth > MAX_DEPTH) {
      throw new PyError('RecursionError', `expressions must be nested at most ${MAX_DEPTH} deep`, {
        range: { from: node.from, to: node.to },
      });
    }
    try {
      return { from: node.from, to: node.to, ...this.#bare(node) } as Expr;
    } catch (error) {
      if (error instanceof PyError && !error.range) error.range = { from: node.from, to: node.to };
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  /** One expression, or a tuple when commas separate several (as on either side of `=`). */
  expressionList(nodes: readonly SyntaxNode[], at: Range): Expr {
    const parts = splitBy(nodes, ',');
    const items = parts.filter((part) => part.length > 0).map((part) => this.starred(part, at));
    if (items.length === 0) return this.fail('a value is missing here', at);
    if (parts.length === 1) return itemAt(items, 0);
    return { kind: 'tuple', items, from: itemAt(items, 0).from, to: itemAt(nodes, nodes.length - 1).to };
  }

  /** `x` or `*x`. */
  starred(part: readonly SyntaxNode[], at: Range): Expr {
    const [first, second] = part;
    if (!first) return this.fail('a value is missing here', at);
    if (first.name !== '*') return this.expression(first);
    if (!second) return this.fail("'*' must be followed by a value", first);
    return { kind: 'star', value: this.expression(second), from: first.from, to: second.to };
  }

  params(node: SyntaxNode): Param[] {
    const inner = childrenOf(node).filter((c) => c.name !== '(' && c.name !== ')' && c.name !== 'TypeDef');
    const params: Param[] = [];
    let isKeywordOnly = false;
    for (const part of splitBy(inner, ',')) {
      const [first] = part;
      if (!first || first.name === '/') continue;
      const star = first.name === '*' || first.name === '**' ? first.name : null;
      const nameNode = star ? part[1] : first;
      const eq = part.findIndex((c) => c.name === 'AssignOp');
      if (nameNode) {
        params.push({
          kind: star ?? (isKeywordOnly ? 'keyword-only' : 'normal'),
          name: this.source(nameNode),
          default: eq === -1 ? null : this.expression(itemAt(part, eq + 1)),
        });
      }
      if (star === '*') isKeywordOnly = true;
    }
    return params;
  }

  #bare(node: SyntaxNode): BareExpr {
    const children = childrenOf(node);
    switch (node.name) {
      case 'VariableName':
        return { kind: 'name', name: this.source(node) };
      case 'Number':
        return { kind: 'literal', literal: this.#number(node) };
      case 'Boolean':
        return { kind: 'literal', literal: { type: 'bool', value: this.source(node) === 'True' } };
      case 'None':
        return { kind: 'literal', literal: { type: 'none' } };
      case 'Ellipsis':
        return { kind: 'literal', literal: { type: 'ellipsis' } };
      case 'String':
      case 'FormatString':
        return this.#strings([node]);
      case 'ContinuedString':
        return this.#strings(children);
      case 'ParenthesizedExpression': {
        const inner = itemAt(children, 1);
        if (inner.name === '*')
          return this.fail('a starred value needs a comma after it to be a tuple', node);
        // Keep the range of the inside: that is the value.
        return this.expression(inner);
      }
      case 'ArrayExpression':
        return { kind: 'list', items: this.#items(children) };
      case 'TupleExpression':
        return { kind: 'tuple', items: this.#items(children) };
      case 'SetExpression':
        return { kind: 'set', items: this.#items(children) };
      case 'DictionaryExpression':
        return this.#dict(children);
      case 'ComprehensionExpression':
      case 'ArrayComprehensionExpression':
      case 'SetComprehensionExpression':
      case 'DictionaryComprehensionExpression':
        return this.#comprehension(node, children);
      case 'BinaryExpression':
        if (isTestOperator(children)) return this.#test(node);
        return {
          kind: 'binary',
          op: this.source(itemAt(children, 1)) as BinaryOp,
          left: this.expression(itemAt(children, 0)),
          right: this.expression(itemAt(children, 2)),
        };
      case 'UnaryExpression':
        if (itemAt(children, 0).name === 'not') return this.#test(node);
        return {
          kind: 'unary',
          op: this.source(itemAt(children, 0)) as '+' | '-' | '~',
          operand: this.expression(itemAt(children, 1)),
        };
      case 'ConditionalExpression':
        return {
          kind: 'conditional',
          then: this.expression(itemAt(children, 0)),
          test: this.expression(itemAt(children, 2)),
          otherwise: this.expression(itemAt(children, 4)),
        };
      case 'LambdaExpression':
        return {
          kind: 'lambda',
          params: this.params(itemAt(children, 1)),
          body: this.expression(itemAt(children, children.length - 1)),
        };
      case 'NamedExpression':
        return {
          kind: 'walrus',
          name: this.source(itemAt(children, 0)),
          value: this.expression(itemAt(children, 2)),
        };
      case 'CallExpression':
        return {
          kind: 'call',
          fn: this.expression(itemAt(children, 0)),
          args: this.#arguments(itemAt(children, 1)),
        };
      case 'MemberExpression':
        return this.#member(children);
      default:
        return this.fail(`'${this.source(node).slice(0, 30)}' is not supported in a config`, node);
    }
  }

  #number(node: SyntaxNode): Literal {
    const text = this.source(node).replaceAll('_', '');
    if (/j$/i.test(text)) return this.fail('complex numbers are not supported in a config', node);
    if (/^0[xob]/i.test(text)) return { type: 'int', value: smallest(BigInt(text.toLowerCase())) };
    if (/[.e]/i.test(text)) return { type: 'float', value: Number(text) };
    if (/^0+[1-9]/.test(text)) {
      return this.fail('an int must not start with 0', node, 'write 0o… if you mean an octal number');
    }
    if (text.length > 4300) return this.fail('an int must have at most 4300 digits', node);
    return { type: 'int', value: smallest(BigInt(text)) };
  }

  #strings(nodes: readonly SyntaxNode[]): BareExpr {
    const parts: FormatPart[] = [];
    let isBytes: boolean | null = null;
    for (const node of nodes) {
      let bytes = false;
      if (node.name === 'FormatString') parts.push(...this.#formatString(node));
      else {
        const decoded = withRange(node, () => decodeString(this.source(node)));
        bytes = decoded.isBytes;
        parts.push({ text: decoded.value });
      }
      if (isBytes !== null && isBytes !== bytes) return this.fail('bytes and text can not be joined', node);
      isBytes = bytes;
    }
    if (parts.every((part) => 'text' in part)) {
      const value = parts.map((part) => part.text).join('');
      return { kind: 'literal', literal: { type: isBytes ? 'bytes' : 'str', value } };
    }
    return { kind: 'format', parts };
  }

  #formatString(node: SyntaxNode): FormatPart[] {
    const source = this.source(node);
    const token = readStringToken(source);
    if (!isClosed(source, token)) {
      return this.fail(`a string opened with ${token.quote} must be closed, but it is not`, node);
    }
    return this.#formatParts(
      node,
      node.from + token.openLength,
      node.to - token.quote.length,
      token.isRaw,
      true,
    );
  }

  #formatParts(node: SyntaxNode, from: number, to: number, isRaw: boolean, isDoubled: boolean): FormatPart[] {
    const parts: FormatPart[] = [];
    const addText = (start: number, end: number): void => {
      if (end <= start) return;
      let text = this.text.slice(start, end).replace(/\r\n?/g, '\n');
      if (isDoubled) {
        if (/[{}]/.test(text.replaceAll('{{', '').replaceAll('}}', ''))) {
          this.fail("a single '}' is not allowed in an f-string", { from: start, to: end }, "write '}}'");
        }
        text = text.replaceAll('{{', '{').replaceAll('}}', '}');
      }
      parts.push({ text: isRaw ? text : decodeEscapes(text, false) });
    };
    let position = from;
    for (const child of childrenOf(node)) {
      if (child.name !== 'FormatReplacement') continue;
      addText(position, child.from);
      parts.push(...this.#replacement(child, isRaw));
      position = child.to;
    }
    addText(position, to);
    return parts;
  }

  #replacement(node: SyntaxNode, isRaw: boolean): FormatPart[] {
    const children = childrenOf(node);
    const values = children.filter(
      (c) => !['{', '}', 'FormatSelfDoc', 'FormatConversion', 'FormatSpec'].includes(c.name),
    );
    const selfDoc = children.find((c) => c.name === 'FormatSelfDoc');
    const conversionNode = children.find((c) => c.name === 'FormatConversion');
    const specNode = children.find((c) => c.name === 'FormatSpec');
    const spec = specNode ? this.#formatParts(specNode, specNode.from + 1, specNode.to, isRaw, false) : [];
    let conversion = conversionNode ? this.source(conversionNode).slice(1) : '';
    if (selfDoc && !conversion && !specNode) conversion = 'r';
    const part: FormatPart = { expr: this.expressionList(values, node), conversion, spec };
    if (!selfDoc) return [part];
    return [{ text: this.text.slice(node.from + 1, selfDoc.to) }, part];
  }

  #items(children: readonly SyntaxNode[]): Expr[] {
    const inner = children.slice(1, -1);
    return splitBy(inner, ',')
      .filter((part) => part.length > 0)
      .map((part) => this.starred(part, itemAt(part, 0)));
  }

  #dict(children: readonly SyntaxNode[]): BareExpr {
    const entries: { key: Expr | null; value: Expr }[] = [];
    for (const part of splitBy(children.slice(1, -1), ',')) {
      if (part.length === 0) continue;
      if (itemAt(part, 0).name === '**') entries.push({ key: null, value: this.expression(itemAt(part, 1)) });
      else entries.push({ key: this.expression(itemAt(part, 0)), value: this.expression(itemAt(part, 2)) });
    }
    return { kind: 'dict', entries };
  }

  #comprehension(node: SyntaxNode, children: readonly SyntaxNode[]): BareExpr {
    const start = children.findIndex((c) => c.name === 'for' || c.name === 'async');
    const head = children.slice(1, start);
    const clauses = this.#clauses(children.slice(start, -1), node);
    if (node.name === 'DictionaryComprehensionExpression') {
      if (head.length !== 3) return this.fail("'**' can not be used in a dict comprehension", node);
      return {
        kind: 'comprehension',
        form: 'dict',
        key: this.expression(itemAt(head, 0)),
        element: this.expression(itemAt(head, 2)),
        clauses,
      };
    }
    if (itemAt(head, 0).name === '*') return this.fail("'*' can not be used in a comprehension", node);
    const form = node.name.startsWith('Array') ? 'list' : node.name.startsWith('Set') ? 'set' : 'generator';
    return { kind: 'comprehension', form, key: null, element: this.expression(itemAt(head, 0)), clauses };
  }

  /** `for … in … if …` repeated. */
  #clauses(nodes: readonly SyntaxNode[], at: Range): CompClause[] {
    const clauses: CompClause[] = [];
    let i = 0;
    while (i < nodes.length) {
      if (itemAt(nodes, i).name !== 'for')
        return this.fail(`'${this.source(itemAt(nodes, i))}' is not supported here`, at);
      const inAt = nodes.findIndex((c, j) => j > i && c.name === 'in');
      const target = this.expressionList(nodes.slice(i + 1, inAt), at);
      const iter = this.expression(itemAt(nodes, inAt + 1));
      const conditions: Expr[] = [];
      i = inAt + 2;
      while (nodes[i]?.name === 'if') {
        conditions.push(this.expression(itemAt(nodes, i + 1)));
        i += 2;
      }
      clauses.push({ target, iter, conditions });
    }
    return clauses;
  }

  #arguments(node: SyntaxNode): Argument[] {
    const children = childrenOf(node);
    const inner = children.slice(1, -1);
    const generatorAt = inner.findIndex((c) => c.name === 'for');
    if (generatorAt === 1) {
      const element = this.expression(itemAt(inner, 0));
      const value: Expr = {
        kind: 'comprehension',
        form: 'generator',
        key: null,
        element,
        clauses: this.#clauses(inner.slice(1), node),
        from: itemAt(inner, 0).from,
        to: itemAt(inner, inner.length - 1).to,
      };
      return [{ kind: 'pos', name: '', value }];
    }
    if (generatorAt !== -1)
      return this.fail('a generator among other arguments needs its own parentheses', node);
    const args: Argument[] = [];
    for (const part of splitBy(inner, ',')) {
      if (part.length === 0) continue;
      const first = itemAt(part, 0);
      const [, second] = part;
      const last = itemAt(part, part.length > 2 ? 2 : part.length - 1);
      if (first.name === '*' || first.name === '**') {
        args.push({ kind: first.name, name: '', value: this.expression(itemAt(part, 1)) });
      } else if (second?.name === 'AssignOp' && this.source(second) === '=') {
        const name = this.source(first);
        if (args.some((arg) => arg.kind === 'kw' && arg.name === name)) {
          return this.fail(`the keyword argument '${name}' must be given once, but it is repeated`, {
            from: first.from,
            to: last.to,
          });
        }
        const nameRange = { from: first.from, to: first.to };
        args.push({ kind: 'kw', name, nameRange, value: this.expression(last) });
      } else if (second?.name === 'AssignOp') {
        args.push({
          kind: 'pos',
          name: '',
          value: {
            kind: 'walrus',
            name: this.source(first),
            value: this.expression(last),
            from: first.from,
            to: last.to,
          },
        });
      } else {
        if (args.some((arg) => arg.kind === 'kw' || arg.kind === '**')) {
          return this.fail(
            'a value without a name must come before the named ones',
            first,
            'write name=… before it',
          );
        }
        args.push({ kind: 'pos', name: '', value: this.expression(first) });
      }
    }
    return args;
  }

  #member(children: readonly SyntaxNode[]): BareExpr {
    const [objectNode, opener] = take(children, 2);
    const object = this.expression(objectNode);
    if (opener.name === '.') {
      const nameNode = itemAt(children, 2);
      return {
        kind: 'attribute',
        object,
        name: this.source(nameNode),
        nameRange: { from: nameNode.from, to: nameNode.to },
      };
    }
    const inner = children.slice(2, -1);
    const parts = splitBy(inner, ',');
    const items = parts.filter((part) => part.length > 0).map((part) => this.#subscript(part));
    if (items.length === 0) return this.fail('an index is missing between the brackets', opener);
    const index: Expr =
      parts.length === 1
        ? itemAt(items, 0)
        : { kind: 'tuple', items, from: itemAt(inner, 0).from, to: itemAt(inner, inner.length - 1).to };
    return { kind: 'subscript', object, index };
  }

  #subscript(part: readonly SyntaxNode[]): Expr {
    const pieces = splitBy(part, ':');
    if (pieces.length === 1) return this.expression(itemAt(part, 0));
    const [start = null, stop = null, step = null] = pieces.map(([first]) =>
      first ? this.expression(first) : null,
    );
    return {
      kind: 'slice',
      start,
      stop,
      step: step ?? null,
      from: itemAt(part, 0).from,
      to: itemAt(part, part.length - 1).to,
    };
  }

  /** Group `not`, comparisons, `and`, `or` by Python's precedence. */
  #test(node: SyntaxNode): BareExpr {
    const tokens: TestToken[] = [];
    this.#flatten(node, tokens);
    const { from: _from, to: _to, ...bare } = new TestGrouper(tokens).or();
    return bare as BareExpr;
  }

  #flatten(node: SyntaxNode, tokens: TestToken[]): void {
    const children = childrenOf(node);
    if (node.name === 'UnaryExpression' && itemAt(children, 0).name === 'not') {
      tokens.push({ op: 'not', range: itemAt(children, 0) });
      this.#flatten(itemAt(children, 1), tokens);
    } else if (node.name === 'BinaryExpression' && isTestOperator(children)) {
      this.#flatten(itemAt(children, 0), tokens);
      const op = children
        .slice(1, -1)
        .map((c) => this.source(c))
        .join(' ');
      if (op === '<>') this.fail("'<>' is not Python 3", itemAt(children, 1), "write '!='");
      tokens.push({ op: op as 'and' | 'or' | CompareOp, range: itemAt(children, 1) });
      this.#flatten(itemAt(children, children.length - 1), tokens);
    } else {
      tokens.push({ operand: this.expression(node) });
    }
  }
}

function isTestOperator(children: readonly SyntaxNode[]): boolean {
  const name = itemAt(children, 1).name;
  return name === 'and' || name === 'or' || isCompareNode(name);
}

function withRange<T>(range: Range, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PyError && !error.range) error.range = { from: range.from, to: range.to };
    throw error;
  }
}
