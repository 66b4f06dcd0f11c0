// Puts a counter into every loop and function of a person's module, so that code that never returns is found and named.
// What it costs and what it finds: moduleGuard.ts.

import type ts from 'typescript';
import { grownValues, scopeOf, type Scopes } from './grownValues.ts';
import { GUARD, PASSES } from './moduleGuard.ts';
import type { TypeScript } from './typeReader.ts';

/**
 * A transformer that begins each loop's and each function's body with `--passes < 0 && (passes = guard(line, column, …))`;
 * an arrow function's expression becomes `(…, expression)`. The guard also gets what may grow there: grownValues.ts.
 */
export function insertGuards(ts: TypeScript): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => {
    const { factory } = context;
    /** Around the node that is visited. */
    let scopes: Scopes = [];

    const guardAt = (node: ts.Node): ts.Expression => {
      const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
      const place = [line + 1, character + 1].map((n) => factory.createNumericLiteral(n));
      const passes = factory.createIdentifier(PASSES);
      const own = ts.isFunctionLike(node) ? scopeOf(ts, node) : null;
      const grown = grownValues(ts, node, own ? [...scopes, own] : scopes);
      const look = factory.createCallExpression(factory.createIdentifier(GUARD), undefined, [
        ...place,
        ...grown,
      ]);
      return factory.createLogicalAnd(
        factory.createLessThan(factory.createPrefixDecrement(passes), factory.createNumericLiteral(0)),
        factory.createParenthesizedExpression(factory.createAssignment(passes, look)),
      );
    };
    const guardStatement = (node: ts.Node): ts.Statement => factory.createExpressionStatement(guardAt(node));

    const guardedLoop = (loop: ts.Node, body: ts.Statement): ts.Statement =>
      ts.isBlock(body)
        ? factory.updateBlock(body, [guardStatement(loop), ...body.statements])
        : factory.createBlock([guardStatement(loop), body], true);

    const guardedBody = (owner: ts.Node, body: ts.Block): ts.Block => {
      const isDirective = (one: ts.Statement): boolean =>
        ts.isExpressionStatement(one) && ts.isStringLiteral(one.expression);
      const start = body.statements.findIndex((one) => !isDirective(one));
      const directives = start < 0 ? body.statements : body.statements.slice(0, start);
      const rest = start < 0 ? [] : body.statements.slice(start);
      return factory.updateBlock(body, [...directives, guardStatement(owner), ...rest]);
    };

    const visitInside = (node: ts.Node): ts.Node => {
      const own = scopeOf(ts, node);
      const around = scopes;
      if (own) scopes = [...scopes, own];
      const inner = ts.visitEachChild(node, visit, context);
      scopes = around;
      return inner;
    };
    const visit = (node: ts.Node): ts.Node => {
      const inner = visitInside(node);
      if (ts.isForStatement(inner)) {
        const { initializer, condition, incrementor } = inner;
        const body = guardedLoop(node, inner.statement);
        return factory.updateForStatement(inner, initializer, condition, incrementor, body);
      }
      if (ts.isForOfStatement(inner)) {
        const { awaitModifier, initializer, expression } = inner;
        const body = guardedLoop(node, inner.statement);
        return factory.updateForOfStatement(inner, awaitModifier, initializer, expression, body);
      }
      if (ts.isForInStatement(inner)) {
        const body = guardedLoop(node, inner.statement);
        return factory.updateForInStatement(inner, inner.initializer, inner.expression, body);
      }
      if (ts.isWhileStatement(inner))
        return factory.updateWhileStatement(inner, inner.expression, guardedLoop(node, inner.statement));
      if (ts.isDoStatement(inner))
        return factory.updateDoStatement(inner, guardedLoop(node, inner.statement), inner.expression);
      if (ts.isArrowFunction(inner)) {
        const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body } = inner;
        const guarded = ts.isBlock(body)
          ? guardedBody(node, body)
          : factory.createParenthesizedExpression(factory.createComma(guardAt(node), body));
        return factory.updateArrowFunction(
          inner,
          modifiers,
          typeParameters,
          parameters,
          type,
          equalsGreaterThanToken,
          guarded,
        );
      }
      return guardedFunction(node, inner);
    };

    /** Functions with a block; what has none (overloads, abstract methods, types) stays as it is. */
    const guardedFunction = (node: ts.Node, inner: ts.Node): ts.Node => {
      if (ts.isFunctionDeclaration(inner) && inner.body) {
        const { modifiers, asteriskToken, name, typeParameters, parameters, type } = inner;
        const body = guardedBody(node, inner.body);
        return factory.updateFunctionDeclaration(
          inner,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          body,
        );
      }
      if (ts.isFunctionExpression(inner)) {
        const { modifiers, asteriskToken, name, typeParameters, parameters, type } = inner;
        const body = guardedBody(node, inner.body);
        return factory.updateFunctionExpression(
          inner,
          modifiers,
          asteriskToken,
          name,
          typeParameters,
          parameters,
          type,
          body,
        );
      }
      if (ts.isMethodDeclaration(inner) && inner.body) {
        const { modifiers, asteriskToken, name, questionToken, typeParameters, parameters, type } = inner;
        const body = guardedBody(node, inner.body);
        return factory.updateMethodDeclaration(
          inner,
          modifiers,
          asteriskToken,
          name,
          questionToken,
          typeParameters,
          parameters,
          type,
          body,
        );
      }
      if (ts.isGetAccessorDeclaration(inner) && inner.body) {
        const { modifiers, name, parameters, type } = inner;
        const body = guardedBody(node, inner.body);
        return factory.updateGetAccessorDeclaration(inner, modifiers, name, parameters, type, body);
      }
      if (ts.isSetAccessorDeclaration(inner) && inner.body) {
        const { modifiers, name, parameters } = inner;
        const body = guardedBody(node, inner.body);
        return factory.updateSetAccessorDeclaration(inner, modifiers, name, parameters, body);
      }
      if (ts.isConstructorDeclaration(inner) && inner.body)
        return factory.updateConstructorDeclaration(
          inner,
          inner.modifiers,
          inner.parameters,
          guardedBody(node, inner.body),
        );
      return inner;
    };

    return visitInside(file) as ts.SourceFile;
  };
}
