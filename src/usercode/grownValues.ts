// Which values a loop or a function may let grow without end: those of its names from outside that it calls, fills or sets.

import type ts from 'typescript';
import type { TypeScript } from './typeReader.ts';

/** More of them would say little more. */
const MAX_VALUES = 8;

/** Names of one scope, and where each is set; -1: before anything of the scope runs. */
interface Scope {
  readonly isFunction: boolean;
  /** Its names are behind each other in the text, but not in time. */
  readonly isSwitch: boolean;
  readonly names: ReadonlyMap<string, number>;
}

/** The scopes around a place, outermost first. */
export type Scopes = readonly Scope[];

/** `a.b.c`, `this.#a.b`. */
interface Chain {
  /** `a`, `this`, `this.#a` */
  readonly base: ts.Expression;
  /** The name of its outermost variable; null: `this`. */
  readonly name: string | null;
  readonly path: readonly string[];
}

/** The scope that a node opens; null when it opens none. */
export function scopeOf(ts: TypeScript, node: ts.Node): Scope | null {
  const names = new Map<string, number>();
  const bind = (name: ts.BindingName, place: number): void => {
    if (ts.isIdentifier(name)) names.set(name.text, place);
    else for (const element of name.elements) if (!ts.isOmittedExpression(element)) bind(element.name, place);
  };
  const declare = (list: ts.VariableDeclarationList): void => {
    for (const { name, end } of list.declarations) bind(name, end);
  };
  const declareAll = (statements: readonly ts.Statement[]): void => {
    for (const one of statements) {
      if (ts.isVariableStatement(one) && isBlockScoped(ts, one.declarationList)) declare(one.declarationList);
      if ((ts.isClassDeclaration(one) || ts.isEnumDeclaration(one)) && one.name)
        names.set(one.name.text, one.end);
      if (ts.isModuleDeclaration(one) && ts.isIdentifier(one.name)) names.set(one.name.text, one.end);
    }
  };
  const declareVars = (body: ts.Node): void => {
    const visit = (inner: ts.Node): void => {
      if (ts.isFunctionLike(inner) || ts.isClassLike(inner)) return;
      if (ts.isVariableDeclarationList(inner) && !isBlockScoped(ts, inner))
        for (const { name } of inner.declarations) bind(name, -1);
      ts.forEachChild(inner, visit);
    };
    ts.forEachChild(body, visit);
  };
  const scope = (isFunction = false, isSwitch = false): Scope => ({ isFunction, isSwitch, names });
  if (ts.isFunctionLike(node) || ts.isPropertyDeclaration(node) || ts.isClassStaticBlockDeclaration(node)) {
    if (ts.isFunctionLike(node)) for (const { name } of node.parameters) bind(name, -1);
    declareVars(node);
    return scope(true);
  }
  if (ts.isSourceFile(node)) {
    declareVars(node);
    declareAll(node.statements);
    return scope();
  }
  if (ts.isBlock(node)) {
    declareAll(node.statements);
    return scope();
  }
  if (ts.isCaseBlock(node)) {
    for (const clause of node.clauses) declareAll(clause.statements);
    return scope(false, true);
  }
  if (ts.isForStatement(node) || ts.isForOfStatement(node) || ts.isForInStatement(node)) {
    const { initializer } = node;
    if (initializer && ts.isVariableDeclarationList(initializer) && isBlockScoped(ts, initializer))
      declare(initializer);
    return scope();
  }
  return null;
}

function bodyScope(ts: TypeScript, node: ts.Node): Scope | null {
  if (ts.isIterationStatement(node, false)) return scopeOf(ts, node.statement);
  const body = ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
  return body ? scopeOf(ts, body) : null;
}

function isBlockScoped(ts: TypeScript, { flags }: ts.VariableDeclarationList): boolean {
  return (flags & ts.NodeFlags.BlockScoped) !== 0;
}

/**
 * The arguments that hand such values to a guard: `[[a], [b, 'c']]`, and `[[() => d], [() => this, 'e']]` for what may not be
 * asked for at its place, or belongs to an outer function. Only a guard that looks makes them.
 * @param scopes around the loop; of a function its own, too
 */
export function grownValues(ts: TypeScript, node: ts.Node, scopes: Scopes): ts.Expression[] {
  const { factory } = ts;
  // The guard comes first in the body: what that declares isn't there yet, and is anew each time.
  const own = bodyScope(ts, node)?.names;
  const direct: ts.Expression[] = [];
  const asked: ts.Expression[] = [];
  for (const { base, name, path } of chainsIn(ts, node).values()) {
    if (direct.length + asked.length >= MAX_VALUES) break;
    if (name !== null && own?.has(name)) continue;
    const kind = accessOf(name, node, scopes);
    if (kind === null) continue;
    const value =
      kind === 'direct'
        ? copyOf(ts, base)
        : factory.createArrowFunction(undefined, undefined, [], undefined, undefined, copyOf(ts, base));
    const list = kind === 'direct' ? direct : asked;
    list.push(
      factory.createArrayLiteralExpression([value, ...path.map((key) => factory.createStringLiteral(key))]),
    );
  }
  if (direct.length + asked.length === 0) return [];
  return [direct, ...(asked.length > 0 ? [asked] : [])].map((list) =>
    factory.createArrayLiteralExpression(list),
  );
}

/** How a guard at the beginning of the node may get at a name; null: not at all. */
function accessOf(name: string | null, node: ts.Node, scopes: Scopes): 'direct' | 'asked' | null {
  const isInFunction = scopes.some(({ isFunction }) => isFunction);
  if (name === null) return isInFunction ? 'asked' : null;
  let isOuter = false;
  for (const { names, isFunction, isSwitch } of scopes.toReversed()) {
    const place = names.get(name);
    if (place !== undefined) {
      const isSet = place < 0 || (place <= node.pos && !isSwitch);
      return !isOuter && isSet ? 'direct' : 'asked';
    }
    isOuter ||= isFunction;
  }
  return null;
}

/** What is called, filled or set in a node, each once. */
function chainsIn(ts: TypeScript, node: ts.Node): Map<string, Chain> {
  const found = new Map<string, Chain>();
  const add = (expression: ts.Expression | undefined): void => {
    const chain = expression && chainOf(ts, expression);
    if (!chain) return;
    const { base, name, path } = chain;
    const first = ts.isPropertyAccessExpression(base) ? base.name.text : (name ?? 'this');
    found.set([first, ...path].join('.'), chain);
  };
  const visit = (inner: ts.Node): void => {
    if (ts.isCallExpression(inner)) {
      if (ts.isPropertyAccessExpression(inner.expression)) add(inner.expression.expression);
      for (const argument of inner.arguments) add(argument);
    } else if (ts.isBinaryExpression(inner) && isAssignment(ts, inner)) {
      const { left } = inner;
      add(ts.isElementAccessExpression(left) ? left.expression : left);
    }
    ts.forEachChild(inner, visit);
  };
  ts.forEachChild(node, visit);
  return found;
}

function isAssignment(ts: TypeScript, { operatorToken: { kind } }: ts.BinaryExpression): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function chainOf(ts: TypeScript, expression: ts.Expression): Chain | null {
  if (ts.isIdentifier(expression)) return { base: expression, name: expression.text, path: [] };
  if (expression.kind === ts.SyntaxKind.ThisKeyword) return { base: expression, name: null, path: [] };
  if (
    ts.isNonNullExpression(expression) ||
    ts.isParenthesizedExpression(expression) ||
    ts.isAsExpression(expression)
  )
    return chainOf(ts, expression.expression);
  if (!ts.isPropertyAccessExpression(expression)) return null;
  const owner = chainOf(ts, expression.expression);
  if (!owner) return null;
  if (!ts.isPrivateIdentifier(expression.name))
    return { ...owner, path: [...owner.path, expression.name.text] };
  // Private fields are reached by name only, in a function that may fail.
  return owner.name === null && owner.path.length === 0 ? { ...owner, base: expression } : null;
}

/** The same expression once more; what an import or an export is called in the compiled code it is here, too. */
function copyOf(ts: TypeScript, expression: ts.Expression): ts.Expression {
  const { factory } = ts;
  if (ts.isIdentifier(expression))
    return ts.setOriginalNode(factory.createIdentifier(expression.text), expression);
  if (ts.isPropertyAccessExpression(expression))
    return factory.createPropertyAccessExpression(copyOf(ts, expression.expression), expression.name);
  return factory.createThis();
}
