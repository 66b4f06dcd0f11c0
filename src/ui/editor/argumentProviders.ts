// Completion and hover in configs, as Monaco wants them.

import { languages, Range, type editor, type IRange } from 'monaco-editor/editor/editor.api';
import type { ArgumentDocs } from '../../contracts/argumentDocs.ts';
import { hoverAt, proposalsAt, type Proposal } from './argumentHelp.ts';

/** What an editor's config is explained with. */
export interface ConfigHelp {
  /** Null where nothing can be known now. */
  arguments(): Promise<ArgumentDocs | null>;
  /** The config as it was when it could be read last; null before. */
  readonly resolved: Readonly<Record<string, unknown>> | null;
}

const helps = new WeakMap<editor.ITextModel, ConfigHelp>();

/** Explain the text of a model. */
export function setHelp(model: editor.ITextModel, help: ConfigHelp): void {
  helps.set(model, help);
}

/** Call once. */
export function offerArgumentHelp(): void {
  languages.registerCompletionItemProvider('python', {
    // Behind a bracket or a comma Enter makes a new line: it must not take what is proposed.
    triggerCharacters: ["'", '"', '='],
    async provideCompletionItems(model, position) {
      const help = helps.get(model);
      const docs = await help?.arguments();
      if (!help || !docs || model.isDisposed()) return null;
      const offset = model.getOffsetAt(position);
      const found = proposalsAt(model.getValue(), offset, docs, help.resolved);
      if (!found) return null;
      const range = rangeOf(model, found.from, found.to);
      return { suggestions: found.list.map((one, i) => toItem(one, range, i)) };
    },
  });
  languages.registerHoverProvider('python', {
    async provideHover(model, position) {
      const help = helps.get(model);
      const docs = await help?.arguments();
      if (!help || !docs || model.isDisposed()) return null;
      const found = hoverAt(model.getValue(), model.getOffsetAt(position), docs, help.resolved);
      if (!found) return null;
      return { range: rangeOf(model, found.from, found.to), contents: [{ value: found.text }] };
    },
  });
}

function rangeOf(model: editor.ITextModel, from: number, to: number): IRange {
  return Range.fromPositions(model.getPositionAt(from), model.getPositionAt(to));
}

const KINDS = {
  key: languages.CompletionItemKind.Property,
  class: languages.CompletionItemKind.Class,
  value: languages.CompletionItemKind.EnumMember,
} as const;

/** In the order of the list, what must be there first. */
function toItem(
  { label, insert, kind, detail, help, isRequired }: Proposal,
  range: IRange,
  i: number,
): languages.CompletionItem {
  return {
    label: { label, description: detail },
    kind: KINDS[kind],
    insertText: insert,
    filterText: label,
    sortText: `${isRequired ? 0 : 1}${String(i).padStart(4, '0')}`,
    documentation: help === '' ? undefined : { value: help },
    range,
  };
}
