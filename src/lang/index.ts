export {
  checkSyntax,
  evaluateText,
  type Evaluated,
  type LangDiagnostic,
  type TextOrigin,
} from './evaluate.ts';
export * from './lineIndex.ts';
export * from './plain.ts';
export * from './plainRepr.ts';
export * from './sourceMap.ts';
