// The door of the config language: text in, plain data and diagnostics out.

import type { Diagnostic } from '../errors/diagnostic.ts';
import { Exporter } from './exportValue.ts';
import { Interpreter } from './interpreter.ts';
import { resetSteps } from './limits.ts';
import { LineIndex } from './lineIndex.ts';
import { parseModule } from './parse.ts';
import type { PlainDict } from './plain.ts';
import { CODE_OF_EXCEPTION, PyError, type Range } from './pyError.ts';
import { Scope } from './values.ts';

export interface TextOrigin {
  /** Path for spans. */
  readonly file: string;
  /** The text as the person wrote it, when placeholders were replaced in the evaluated one. */
  readonly original?: string;
  /** From an offset of the evaluated text to one of `original`. */
  readonly toOriginal?: (offset: number) => number;
}

/** A diagnostic of the language; an unknown name is told, so that a caller who knows more can give a better hint. */
export interface LangDiagnostic extends Diagnostic {
  readonly unknownName?: string;
}

export interface Evaluated {
  /** The top-level names and their values; with errors, those that could still be evaluated. */
  readonly value: PlainDict;
  /** Empty exactly when `value` is complete. */
  readonly diagnostics: LangDiagnostic[];
}

/**
 * Evaluate Python-dialect text. Nothing is executed but our own evaluator; steps, depth and sizes are bounded. Never throws on bad text.
 * @example evaluateText('a = dict(lr=0.02 / 8)', { file: 'a.py' }).value // { a: { lr: 0.0025 } }
 */
export function evaluateText(text: string, origin: TextOrigin): Evaluated {
  const spans = spanMaker(text, origin);
  const { body, errors } = parseModule(text);
  if (errors.length > 0) return { value: {}, diagnostics: errors.map((e) => toDiagnostic(e, spans)) };
  resetSteps();
  const interpreter = new Interpreter();
  const scope = new Scope(null);
  interpreter.runModule(body, scope);
  let value: PlainDict = {};
  try {
    value = new Exporter(spans).module(scope);
  } catch (error) {
    if (!(error instanceof PyError)) throw error;
    interpreter.errors.push(error);
  }
  return { value, diagnostics: interpreter.errors.map((e) => toDiagnostic(e, spans)) };
}

/** Only the syntax errors of a text. */
export function checkSyntax(text: string, origin: TextOrigin): LangDiagnostic[] {
  const spans = spanMaker(text, origin);
  return parseModule(text).errors.map((e) => toDiagnostic(e, spans));
}

type SpanOf = (range: Range) => ReturnType<LineIndex['span']>;

function spanMaker(text: string, origin: TextOrigin): SpanOf {
  const index = new LineIndex(origin.file, origin.original ?? text);
  const map = origin.toOriginal ?? ((offset: number) => offset);
  return ({ from, to }) => index.span(map(from), map(to));
}

function toDiagnostic(error: PyError, spanOf: SpanOf): LangDiagnostic {
  return {
    severity: 'error',
    code: CODE_OF_EXCEPTION[error.exception],
    message: error.message,
    span: spanOf(error.range ?? { from: 0, to: 0 }),
    hint: error.hint,
    unknownName: error.subject,
  };
}
