// What an underlined name offers: the one that its hint asks about.

import { languages, Range } from 'monaco-editor/editor/editor.api';
import { replaceName, suggestedName } from '../problems.ts';

/** Owner and source of our markers: the hover shows it behind the message. */
export const PROBLEM_SOURCE = 'tabtrain';

/** Offer to write the suggested name, in configs of every syntax. Call once. */
export function offerQuickFixes(): void {
  languages.registerCodeActionProvider(['python', 'plaintext'], {
    provideCodeActions(model, _range, { markers }) {
      const actions = markers.flatMap((marker): languages.CodeAction[] => {
        const name = marker.source === PROBLEM_SOURCE ? suggestedName(marker.message) : null;
        if (name === null) return [];
        const range = Range.lift(marker);
        const text = replaceName(model.getValueInRange(range), name);
        if (text === null) return [];
        const edit = { resource: model.uri, versionId: model.getVersionId(), textEdit: { range, text } };
        return [
          {
            title: `Change to ${text}`,
            kind: 'quickfix',
            diagnostics: [marker],
            isPreferred: true,
            edit: { edits: [edit] },
          },
        ];
      });
      return { actions, dispose: () => undefined };
    },
  });
}
