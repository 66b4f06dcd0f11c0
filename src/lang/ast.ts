// The syntax tree the evaluator walks: Lezer's tree with operator precedence put right and literals decoded.

import type { Range } from './pyError.ts';

export type BinaryOp = '+' | '-' | '*' | '/' | '//' | '%' | '**' | '@' | '|' | '&' | '^' | '<<' | '>>';
export type CompareOp = '<' | '>' | '<=' | '>=' | '==' | '!=' | 'in' | 'not in' | 'is' | 'is not';

/** A literal value: a float is told from an int, bytes from text. */
export type Literal =
  | { readonly type: 'int'; readonly value: number | bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'str'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'none' }
  | { readonly type: 'ellipsis' };

/** A piece of an f-string: text, or a value with its `!r` and its `:spec` (itself an f-string). */
export type FormatPart =
  | { readonly text: string }
  | { readonly expr: Expr; readonly conversion: string; readonly spec: readonly FormatPart[] };

export interface CompClause {
  readonly target: Expr;
  readonly iter: Expr;
  readonly conditions: readonly Expr[];
}

export interface Argument {
  readonly kind: 'pos' | 'kw' | '*' | '**';
  readonly name: string;
  /** Where the name of a keyword stands. */
  readonly nameRange?: Range;
  readonly value: Expr;
}

export interface Param {
  readonly kind: 'normal' | 'keyword-only' | '*' | '**';
  readonly name: string;
  readonly default: Expr | null;
}

export type Expr = Range &
  (
    | { readonly kind: 'literal'; readonly literal: Literal }
    | { readonly kind: 'format'; readonly parts: readonly FormatPart[] }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'list' | 'tuple' | 'set'; readonly items: readonly Expr[] }
    | {
        readonly kind: 'dict';
        readonly entries: readonly { readonly key: Expr | null; readonly value: Expr }[];
      }
    | {
        readonly kind: 'comprehension';
        readonly form: 'list' | 'set' | 'dict' | 'generator';
        readonly key: Expr | null;
        readonly element: Expr;
        readonly clauses: readonly CompClause[];
      }
    | { readonly kind: 'unary'; readonly op: '+' | '-' | '~' | 'not'; readonly operand: Expr }
    | { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: Expr; readonly right: Expr }
    | { readonly kind: 'bool'; readonly op: 'and' | 'or'; readonly left: Expr; readonly right: Expr }
    | {
        readonly kind: 'compare';
        readonly left: Expr;
        readonly rest: readonly { readonly op: CompareOp; readonly right: Expr }[];
      }
    | { readonly kind: 'conditional'; readonly test: Expr; readonly then: Expr; readonly otherwise: Expr }
    | { readonly kind: 'lambda'; readonly params: readonly Param[]; readonly body: Expr }
    | { readonly kind: 'call'; readonly fn: Expr; readonly args: readonly Argument[] }
    | { readonly kind: 'attribute'; readonly object: Expr; readonly name: string; readonly nameRange: Range }
    | { readonly kind: 'subscript'; readonly object: Expr; readonly index: Expr }
    | {
        readonly kind: 'slice';
        readonly start: Expr | null;
        readonly stop: Expr | null;
        readonly step: Expr | null;
      }
    | { readonly kind: 'star'; readonly value: Expr }
    | { readonly kind: 'walrus'; readonly name: string; readonly value: Expr }
  );

export interface ImportedName {
  /** Dotted name as written. */
  readonly name: string;
  readonly alias: string | null;
  readonly range: Range;
}

export interface Handler {
  readonly type: Expr | null;
  readonly name: string | null;
  readonly body: readonly Stmt[];
}

export type Stmt = Range &
  (
    | { readonly kind: 'assign'; readonly targets: readonly Expr[]; readonly value: Expr }
    | { readonly kind: 'update'; readonly target: Expr; readonly op: BinaryOp; readonly value: Expr }
    | { readonly kind: 'expr'; readonly value: Expr }
    | { readonly kind: 'del'; readonly targets: readonly Expr[] }
    | { readonly kind: 'pass' | 'break' | 'continue' }
    | { readonly kind: 'return'; readonly value: Expr | null }
    | { readonly kind: 'raise'; readonly value: Expr | null }
    | { readonly kind: 'assert'; readonly test: Expr; readonly message: Expr | null }
    | { readonly kind: 'global'; readonly names: readonly string[] }
    | { readonly kind: 'import'; readonly names: readonly ImportedName[] }
    | { readonly kind: 'from-import'; readonly module: string; readonly names: readonly ImportedName[] }
    | {
        readonly kind: 'if';
        readonly branches: readonly { readonly test: Expr | null; readonly body: readonly Stmt[] }[];
      }
    | {
        readonly kind: 'while';
        readonly test: Expr;
        readonly body: readonly Stmt[];
        readonly otherwise: readonly Stmt[];
      }
    | {
        readonly kind: 'for';
        readonly target: Expr;
        readonly iter: Expr;
        readonly body: readonly Stmt[];
        readonly otherwise: readonly Stmt[];
      }
    | {
        readonly kind: 'try';
        readonly body: readonly Stmt[];
        readonly handlers: readonly Handler[];
        readonly otherwise: readonly Stmt[];
        readonly final: readonly Stmt[];
      }
    | {
        readonly kind: 'def';
        readonly name: string;
        readonly params: readonly Param[];
        readonly body: readonly Stmt[];
      }
    | { readonly kind: 'class'; readonly name: string; readonly body: readonly Stmt[] }
  );
