// Reads the members of object types as far as one file tells them: type literals, interfaces and aliases of the file itself.

import type ts from 'typescript';
import type { ArgKind } from '../registry/argKinds.ts';

export type TypeScript = typeof ts;

export interface TypeMember {
  /** Written with `?`, or undefined is among its types. */
  readonly isOptional: boolean;
  /** Null for types that configs have no name for. */
  readonly kind: ArgKind | null;
}

export interface ReadType {
  readonly members: ReadonlyMap<string, TypeMember>;
  /** False where the type has, or may have, members that are not listed. */
  readonly isComplete: boolean;
}

type Declaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

const UNKNOWN: ReadType = { members: new Map(), isComplete: false };

export class TypeReader {
  readonly #ts: TypeScript;
  readonly #declared = new Map<string, Declaration[]>();
  /** Names that are being read: a type that holds itself ends there. */
  readonly #reading = new Set<string>();

  constructor(ts: TypeScript, file: ts.SourceFile) {
    this.#ts = ts;
    for (const statement of file.statements) {
      if (!ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)) continue;
      const { text } = statement.name;
      this.#declared.set(text, [...(this.#declared.get(text) ?? []), statement]);
    }
  }

  /** The members of an object type. */
  read(type: ts.TypeNode | undefined): ReadType {
    const ts = this.#ts;
    if (!type) return UNKNOWN;
    if (ts.isParenthesizedTypeNode(type)) return this.read(type.type);
    if (ts.isTypeLiteralNode(type)) return this.#membersOf(type.members);
    if (ts.isIntersectionTypeNode(type)) return joined(type.types.map((part) => this.read(part)));
    if (ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName))
      return this.#readNamed(type.typeName.text, type.typeArguments);
    return UNKNOWN;
  }

  /** True for numbers, strings, flags and lists. */
  isNoObject(type: ts.TypeNode | undefined): boolean {
    const ts = this.#ts;
    return this.#options(type).some(
      (one) =>
        this.#plainKind(one) !== null || one.kind === ts.SyntaxKind.BooleanKeyword || this.#elementOf(one),
    );
  }

  #readNamed(name: string, parameters: readonly ts.TypeNode[] | undefined): ReadType {
    const declarations = this.#declared.get(name);
    if (!declarations) return this.#readUtility(name, parameters);
    if (this.#reading.has(name)) return UNKNOWN;
    this.#reading.add(name);
    const parts = declarations.map((declaration) => this.#readDeclaration(declaration));
    this.#reading.delete(name);
    return joined(parts);
  }

  #readUtility(name: string, parameters: readonly ts.TypeNode[] | undefined): ReadType {
    if (parameters?.length !== 1 || !['Partial', 'Readonly', 'Required'].includes(name)) return UNKNOWN;
    const { members, isComplete } = this.read(parameters[0]);
    if (name === 'Readonly') return { members, isComplete };
    const isOptional = name === 'Partial';
    const changed = [...members].map(([key, { kind }]): [string, TypeMember] => [key, { isOptional, kind }]);
    return { members: new Map(changed), isComplete };
  }

  #readDeclaration(declaration: Declaration): ReadType {
    const ts = this.#ts;
    if (ts.isTypeAliasDeclaration(declaration)) return this.read(declaration.type);
    const bases = (declaration.heritageClauses ?? []).flatMap(({ types }) => [...types]);
    const inherited = bases.map(({ expression, typeArguments }) =>
      ts.isIdentifier(expression) ? this.#readNamed(expression.text, typeArguments) : UNKNOWN,
    );
    return joined([...inherited, this.#membersOf(declaration.members)]);
  }

  #membersOf(nodes: readonly ts.TypeElement[]): ReadType {
    const ts = this.#ts;
    const members = new Map<string, TypeMember>();
    let isComplete = true;
    for (const node of nodes) {
      const { name } = node;
      if (!name || !(ts.isIdentifier(name) || ts.isStringLiteral(name))) {
        // An index signature, or a computed name.
        isComplete = false;
        continue;
      }
      const type = ts.isPropertySignature(node) ? node.type : undefined;
      const isOptional = node.questionToken !== undefined || this.#has(type, ts.SyntaxKind.UndefinedKeyword);
      members.set(name.text, { isOptional, kind: this.#kindOf(type) });
    }
    return { members, isComplete };
  }

  /** The config's name for a type. Not for booleans: Python takes anything for a flag. */
  #kindOf(type: ts.TypeNode | undefined): ArgKind | null {
    const ts = this.#ts;
    const options = this.#options(type).filter(
      (one) => one.kind !== ts.SyntaxKind.UndefinedKeyword && !this.#isNull(one),
    );
    const [only, ...others] = options;
    if (!only || others.length > 0) return null;
    const kind = this.#plainKind(only);
    return kind && this.#options(type).some((one) => this.#isNull(one)) ? `${kind}?` : kind;
  }

  #plainKind(type: ts.TypeNode): 'number' | 'str' | 'numbers' | null {
    const ts = this.#ts;
    if (type.kind === ts.SyntaxKind.NumberKeyword) return 'number';
    if (type.kind === ts.SyntaxKind.StringKeyword) return 'str';
    const element = this.#elementOf(type);
    return element?.kind === ts.SyntaxKind.NumberKeyword ? 'numbers' : null;
  }

  /** Of `T[]`, `readonly T[]`, `Array<T>` and `ReadonlyArray<T>`. */
  #elementOf(type: ts.TypeNode): ts.TypeNode | undefined {
    const ts = this.#ts;
    if (ts.isTypeOperatorNode(type)) return this.#elementOf(type.type);
    if (ts.isArrayTypeNode(type)) return type.elementType;
    if (!ts.isTypeReferenceNode(type) || !ts.isIdentifier(type.typeName)) return undefined;
    return ['Array', 'ReadonlyArray'].includes(type.typeName.text) ? type.typeArguments?.[0] : undefined;
  }

  #options(type: ts.TypeNode | undefined): readonly ts.TypeNode[] {
    const ts = this.#ts;
    if (!type) return [];
    if (ts.isParenthesizedTypeNode(type)) return this.#options(type.type);
    return ts.isUnionTypeNode(type) ? type.types.flatMap((one) => this.#options(one)) : [type];
  }

  #has(type: ts.TypeNode | undefined, kind: ts.SyntaxKind): boolean {
    return this.#options(type).some((one) => one.kind === kind);
  }

  #isNull(type: ts.TypeNode): boolean {
    const ts = this.#ts;
    return ts.isLiteralTypeNode(type) && type.literal.kind === ts.SyntaxKind.NullKeyword;
  }
}

/** All members of several types; a later one's win. */
function joined(types: readonly ReadType[]): ReadType {
  return {
    members: new Map(types.flatMap(({ members }) => [...members])),
    isComplete: types.every(({ isComplete }) => isComplete),
  };
}
