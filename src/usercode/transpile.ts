// TypeScript to JavaScript, and what a module imports and exports. The compiler is TypeScript's own (1 MB gzipped), loaded
// with the first module of a person's; the editor checks types, so that a type error never stops a run.

import type ts from 'typescript';
import { spanAt, type Span } from '../errors/span.ts';
import { UserCodeError } from '../errors/trainerError.ts';
import { insertGuards } from './insertGuards.ts';
import { readConstructors } from './readConstructors.ts';
import { SourceMap } from './sourceMap.ts';
import type { TypeScript } from './typeReader.ts';

/** One `import … from`, `export … from` or `import(…)`; what is used as a type only is left out. */
export interface ModuleImport {
  readonly specifier: string;
  /** Where the specifier is written. */
  readonly span: Span;
  /** What is taken by name, and where it says so. */
  readonly names: readonly { readonly name: string; readonly span: Span }[];
  /** `export * from`: all of its names are this module's too. */
  readonly isReexport: boolean;
}

/** A module, ready to be evaluated in CommonJS's way. */
export interface TranspiledModule {
  readonly path: string;
  /** As it was written. */
  readonly text: string;
  /** Takes `exports`, `require`, `module`, and what its guards need: see moduleGuard.ts. */
  readonly code: string;
  readonly map: SourceMap;
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly string[];
  /** Where the names of its classes stand. */
  readonly classes: ReadonlyMap<string, Span>;
}

let loading: Promise<TypeScript> | null = null;

/** TypeScript's compiler, loaded with the first module. */
export async function loadTypeScript(): Promise<TypeScript> {
  loading ??= import('typescript').then(
    // A CommonJS module: its exports are the default one.
    (module) => module.default,
    (cause: unknown) => {
      loading = null;
      throw cause;
    },
  );
  return loading;
}

/**
 * Compile one file.
 * @param path names the file in errors; its ending tells TypeScript from JavaScript
 * @throws UserCodeError `syntax-error`, `top-level-await`, `bare-super`
 */
export async function transpile(path: string, text: string): Promise<TranspiledModule> {
  const ts = await loadTypeScript();
  // The first pass only tells which imports are left once the types are gone.
  const modern = compile(ts, path, text, ts.ModuleKind.ESNext);
  const emitted = ts.createSourceFile(`${path}.js`, modern.outputText, ts.ScriptTarget.ES2022, true);
  const written = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  refuseTopLevelAwait(ts, written, path);
  refuseBareSuper(ts, written, path);
  const places = specifierPlaces(ts, written, path);
  const imports: ModuleImport[] = [];
  const exports = new Set<string>();
  for (const statement of emitted.statements) {
    const found = importOf(ts, statement);
    if (found) imports.push(withSpans(found, places));
    for (const name of exportsOf(ts, statement)) exports.add(name);
  }
  for (const specifier of dynamicImports(ts, emitted))
    imports.push(withSpans({ specifier, names: [], isReexport: false }, places));
  const { outputText, sourceMapText = '{"mappings":""}' } = compile(ts, path, text, ts.ModuleKind.CommonJS);
  const code = outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  return {
    path,
    text,
    code,
    map: new SourceMap(sourceMapText),
    imports,
    exports: [...exports],
    classes: classPlaces(ts, written, path),
  };
}

function compile(ts: TypeScript, path: string, text: string, module: ts.ModuleKind): ts.TranspileOutput {
  const output = ts.transpileModule(text, {
    fileName: path,
    reportDiagnostics: true,
    transformers: { before: [readConstructors(ts), insertGuards(ts)] },
    compilerOptions: {
      module,
      target: ts.ScriptTarget.ES2022,
      sourceMap: true,
      esModuleInterop: true,
      useDefineForClassFields: true,
    },
  });
  const fault = output.diagnostics?.find((d) => d.category === ts.DiagnosticCategory.Error);
  if (!fault) return output;
  const { start = 0, length = 0 } = fault;
  throw new UserCodeError(ts.flattenDiagnosticMessageText(fault.messageText, ' '), {
    code: 'syntax-error',
    span: spanAt(path, text, start, start + length),
    hint: `TypeScript's error TS${fault.code}; the file can not be read until it is corrected`,
  });
}

interface FoundImport {
  readonly specifier: string;
  readonly names: readonly string[];
  readonly isReexport: boolean;
}

function importOf(ts: TypeScript, statement: ts.Statement): FoundImport | null {
  if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) {
    const clause = statement.importClause;
    const names = clause?.name ? ['default'] : [];
    const bindings = clause?.namedBindings;
    if (bindings && ts.isNamedImports(bindings)) {
      for (const { name, propertyName } of bindings.elements) names.push((propertyName ?? name).text);
    }
    return { specifier: statement.moduleSpecifier.text, names, isReexport: false };
  }
  if (!ts.isExportDeclaration(statement)) return null;
  const { moduleSpecifier, exportClause } = statement;
  if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return null;
  const names: string[] = [];
  if (exportClause && ts.isNamedExports(exportClause)) {
    for (const { name, propertyName } of exportClause.elements) names.push((propertyName ?? name).text);
  }
  return { specifier: moduleSpecifier.text, names, isReexport: exportClause === undefined };
}

/** Names that a statement of the emitted module exports itself. */
function exportsOf(ts: TypeScript, statement: ts.Statement): string[] {
  if (ts.isExportAssignment(statement)) return ['default'];
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    if (!clause) return [];
    if (ts.isNamespaceExport(clause)) return [clause.name.text];
    return clause.elements.map((element) => element.name.text);
  }
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  if (!modifiers.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)) return [];
  if (modifiers.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)) return ['default'];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(ts, name));
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement))
    return statement.name ? [statement.name.text] : [];
  return [];
}

function boundNames(ts: TypeScript, name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : boundNames(ts, element.name),
  );
}

function dynamicImports(ts: TypeScript, file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) found.push(argument.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function refuseTopLevelAwait(ts: TypeScript, file: ts.SourceFile, path: string): void {
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isPropertyDeclaration(node)) return;
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) {
      throw new UserCodeError('await must be inside an async function, but stands at the top of the module', {
        code: 'top-level-await',
        span: spanAt(path, file.text, node.getStart(file), node.getEnd()),
        hint: "a hook's stages may be async: wait in beforeRun",
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}

/** TypeScript leaves it to its type checker; the browser's own error names no line. */
function refuseBareSuper(ts: TypeScript, file: ts.SourceFile, path: string): void {
  const visit = (node: ts.Node, owner: ts.ClassLikeDeclaration | null): void => {
    const inside = ts.isClassLike(node) ? node : owner;
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword && owner) {
      const extendsAny = owner.heritageClauses?.some(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
      const name = owner.name?.text ?? 'this class';
      if (!extendsAny)
        throw new UserCodeError(`super() must be in a class that extends another, but ${name} extends none`, {
          code: 'bare-super',
          span: spanAt(path, file.text, node.getStart(file), node.getEnd()),
          hint: `write class ${name} extends Optimizer, Hook or whatever it is`,
        });
    }
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(file, null);
}

function classPlaces(ts: TypeScript, file: ts.SourceFile, path: string): Map<string, Span> {
  const places = new Map<string, Span>();
  const visit = (node: ts.Node): void => {
    if (ts.isClassLike(node) && node.name)
      places.set(node.name.text, spanAt(path, file.text, node.name.getStart(file), node.name.getEnd()));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return places;
}

interface SpecifierPlace {
  readonly span: Span;
  readonly names: Map<string, Span>;
}

/** Where the text as it was written names each module, and each name that it takes from it. */
function specifierPlaces(ts: TypeScript, file: ts.SourceFile, path: string): Map<string, SpecifierPlace> {
  const places = new Map<string, SpecifierPlace>();
  const spanOf = (node: ts.Node): Span => spanAt(path, file.text, node.getStart(file), node.getEnd());
  const placeOf = (literal: ts.StringLiteralLike): SpecifierPlace => {
    const known = places.get(literal.text);
    if (known) return known;
    const place = { span: spanOf(literal), names: new Map<string, Span>() };
    places.set(literal.text, place);
    return place;
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { names } = placeOf(node.moduleSpecifier);
      const clause = node.importClause;
      if (clause?.name) names.set('default', spanOf(clause.name));
      const bindings = clause?.namedBindings;
      if (bindings && ts.isNamedImports(bindings))
        for (const { name, propertyName } of bindings.elements)
          names.set((propertyName ?? name).text, spanOf(propertyName ?? name));
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      if (!ts.isStringLiteral(node.moduleSpecifier)) return;
      const { names } = placeOf(node.moduleSpecifier);
      if (node.exportClause && ts.isNamedExports(node.exportClause))
        for (const { name, propertyName } of node.exportClause.elements)
          names.set((propertyName ?? name).text, spanOf(propertyName ?? name));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) placeOf(argument);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return places;
}

function withSpans(found: FoundImport, places: ReadonlyMap<string, SpecifierPlace>): ModuleImport {
  const place = places.get(found.specifier);
  // Every specifier that is emitted was written.
  if (!place) throw new Error(`internal: import of ${found.specifier} without a place`);
  const names = found.names.map((name) => ({ name, span: place.names.get(name) ?? place.span }));
  return { specifier: found.specifier, span: place.span, names, isReexport: found.isReexport };
}
