// Which arguments the classes of a person's module take: read from their constructors, and kept on them for `buildFromCfg`,
// which refuses the others as Python does.

import type ts from 'typescript';
import { spanAt, type Span } from '../errors/span.ts';
import type { ArgKind } from '../registry/argKinds.ts';
import type { ReadConstructor } from '../registry/constructorArgs.ts';
import { TypeReader, type TypeScript } from './typeReader.ts';

/** The static property that holds what was read. */
const KEY = 'constructorArgs';

/**
 * A transformer that gives each class a static property with its {@link ReadConstructor}, unless it declares `static args`
 * itself.
 */
export function readConstructors(ts: TypeScript): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => {
    const types = new TypeReader(ts, file);
    const visit = (node: ts.Node): ts.Node => {
      const inner = ts.visitEachChild(node, visit, context);
      if (!ts.isClassLike(node) || !ts.isClassLike(inner) || hasStatic(ts, node, 'args', KEY)) return inner;
      const members = [...inner.members, staticProperty(ts, KEY, describe(ts, file, node, types))];
      const { modifiers, name, typeParameters, heritageClauses } = inner;
      return ts.isClassDeclaration(inner)
        ? ts.factory.updateClassDeclaration(inner, modifiers, name, typeParameters, heritageClauses, members)
        : ts.factory.updateClassExpression(inner, modifiers, name, typeParameters, heritageClauses, members);
    };
    return ts.visitEachChild(file, visit, context);
  };
}

function hasStatic(ts: TypeScript, node: ts.ClassLikeDeclaration, ...names: readonly string[]): boolean {
  return node.members.some((member) => {
    const isStatic =
      ts.canHaveModifiers(member) &&
      ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    return Boolean(
      isStatic && member.name && ts.isIdentifier(member.name) && names.includes(member.name.text),
    );
  });
}

function describe(
  ts: TypeScript,
  file: ts.SourceFile,
  node: ts.ClassLikeDeclaration,
  types: TypeReader,
): ReadConstructor {
  const spanOf = (from: ts.Node, to = from): Span =>
    spanAt(file.fileName, file.text, from.getStart(file), to.getEnd());
  const classPlace = node.name
    ? spanOf(node.name)
    : spanAt(file.fileName, file.text, node.getStart(file), node.members.pos);
  const base = node.heritageClauses?.some(({ token }) => token === ts.SyntaxKind.ExtendsKeyword) ?? false;
  // An overload has no body.
  const found = node.members.find(
    (member) => ts.isConstructorDeclaration(member) && member.body !== undefined,
  );
  if (!found || !ts.isConstructorDeclaration(found))
    return { takes: base ? 'inherited' : 'object', classPlace };
  const { parameters } = found;
  const [first] = parameters;
  if (!first) return { takes: 'object', classPlace };
  if (first.dotDotDotToken) return { takes: 'anything', classPlace };
  if (ts.isObjectBindingPattern(first.name)) {
    const rest = restOf(ts, first.name);
    const restGoesToBase = base && rest !== null && isHandedToBase(ts, found, rest);
    return {
      takes: 'object',
      classPlace,
      ...namesOf(ts, first.name, first.type, types),
      ...(rest === null ? {} : { rest: restGoesToBase ? 'inherited' : 'taken' }),
    };
  }
  const type = types.read(first.type);
  if (!type.isComplete) {
    // Two are what a class of ours takes: its arguments and the run's context.
    const areSideBySide = parameters.length > 2 || types.isNoObject(first.type);
    // The name of one that isn't said to be an object tells what it stands for.
    if (!areSideBySide && first.type && first.type.kind !== ts.SyntaxKind.AnyKeyword)
      return { takes: 'anything', classPlace };
    const names = parameters.map(({ name }) => (ts.isIdentifier(name) ? name.text : '…'));
    const place = spanOf(first, parameters.at(-1));
    return { takes: 'anything', classPlace, parameters: { names, areSideBySide, place } };
  }
  return {
    takes: 'object',
    classPlace,
    ...listsOf([...type.members].map(([name, member]) => ({ name, ...member }))),
  };
}

interface Argument {
  readonly name: string;
  readonly isOptional: boolean;
  readonly kind: ArgKind | null;
}

function listsOf(list: readonly Argument[]): Pick<ReadConstructor, 'required' | 'optional' | 'kinds'> {
  const names = (isOptional: boolean): string[] =>
    list.filter((one) => one.isOptional === isOptional).map(({ name }) => name);
  const kinds = list.flatMap(({ name, kind }): [string, ArgKind][] => (kind === null ? [] : [[name, kind]]));
  return { required: names(false), optional: names(true), kinds: Object.fromEntries(kinds) };
}

/** What a pattern takes. Without a type, what has no default is required, as in Python; of an imported type nothing is known. */
function namesOf(
  ts: TypeScript,
  pattern: ts.ObjectBindingPattern,
  typeNode: ts.TypeNode | undefined,
  types: TypeReader,
): ReturnType<typeof listsOf> {
  const type = types.read(typeNode);
  return listsOf(
    pattern.elements.flatMap(({ name, propertyName, initializer, dotDotDotToken }): Argument[] => {
      const key = propertyName ?? name;
      if (dotDotDotToken || !(ts.isIdentifier(key) || ts.isStringLiteral(key))) return [];
      const member = type.members.get(key.text);
      const isOptionalByType = typeNode !== undefined && (member?.isOptional ?? true);
      return [
        {
          name: key.text,
          isOptional: initializer !== undefined || isOptionalByType,
          kind: member?.kind ?? null,
        },
      ];
    }),
  );
}

/** The name that gets all other keys, also where a key is computed; null without one. */
function restOf(ts: TypeScript, { elements }: ts.ObjectBindingPattern): string | null {
  for (const { dotDotDotToken, name, propertyName } of elements) {
    if (dotDotDotToken && ts.isIdentifier(name)) return name.text;
    if (propertyName && ts.isComputedPropertyName(propertyName)) return '';
  }
  return null;
}

/** `super(rest)` or `super({ ...rest, … })`: the base class then checks them. */
function isHandedToBase(ts: TypeScript, { body }: ts.ConstructorDeclaration, rest: string): boolean {
  const isRest = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === rest;
  let isHanded = false;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword) {
      const [argument] = node.arguments;
      isHanded ||=
        argument !== undefined &&
        (isRest(argument) ||
          (ts.isObjectLiteralExpression(argument) &&
            argument.properties.some((one) => ts.isSpreadAssignment(one) && isRest(one.expression))));
    }
    ts.forEachChild(node, visit);
  };
  if (body) visit(body);
  return isHanded;
}

function staticProperty(ts: TypeScript, name: string, value: object): ts.PropertyDeclaration {
  const modifiers = [ts.factory.createModifier(ts.SyntaxKind.StaticKeyword)];
  return ts.factory.createPropertyDeclaration(modifiers, name, undefined, undefined, literal(ts, value));
}

/** A plain value as code. */
function literal(ts: TypeScript, value: unknown): ts.Expression {
  const { factory } = ts;
  if (typeof value === 'string') return factory.createStringLiteral(value);
  if (typeof value === 'boolean') return value ? factory.createTrue() : factory.createFalse();
  if (typeof value === 'number') return factory.createNumericLiteral(value);
  if (Array.isArray(value))
    return factory.createArrayLiteralExpression(value.map((item) => literal(ts, item)));
  return factory.createObjectLiteralExpression(
    Object.entries(value as object).map(([key, item]) =>
      factory.createPropertyAssignment(factory.createStringLiteral(key), literal(ts, item)),
    ),
  );
}
