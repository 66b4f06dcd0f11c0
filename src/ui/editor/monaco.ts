// The only file that knows Monaco: the editor core, the few features a config needs, Python colouring, our themes.
// Loaded lazily, as one chunk.

import { editor, MarkerSeverity, Uri } from 'monaco-editor/editor/editor.api';
import 'monaco-editor/features/bracketMatching/register';
import 'monaco-editor/features/clipboard/register';
import 'monaco-editor/features/codeAction/register';
import 'monaco-editor/features/codeEditor/register';
import 'monaco-editor/features/comment/register';
import 'monaco-editor/features/contextmenu/register';
import 'monaco-editor/features/find/register';
import 'monaco-editor/features/folding/register';
import 'monaco-editor/features/gotoError/register';
import 'monaco-editor/features/hover/register';
import 'monaco-editor/features/indentation/register';
import 'monaco-editor/features/linesOperations/register';
import 'monaco-editor/features/multicursor/register';
import 'monaco-editor/features/parameterHints/register';
import 'monaco-editor/features/toggleTabFocusMode/register';
import 'monaco-editor/features/wordHighlighter/register';
import 'monaco-editor/features/wordOperations/register';
import 'monaco-editor/languages/definitions/python/register';
// Its services must be there before the first editor is.
import 'monaco-editor/editor/contrib/suggest/browser/suggestController';
import EditorWorker from 'monaco-editor/editor/editor.worker?worker';
import { detailLines, type Problem } from '../../contracts/problem.ts';
import { isModuleFile } from '../filePaths.ts';
import { offerArgumentHelp, setHelp, type ConfigHelp } from './argumentProviders.ts';
import { offerQuickFixes, PROBLEM_SOURCE } from './quickFixes.ts';
import { DARK_THEME, LIGHT_THEME } from './themes.ts';

export interface EditorHandle {
  /** Show a file. Typing is kept where `text` is what the editor holds already. */
  setText(path: string, text: string, revision: number): void;
  /** Underline problems of the shown file. */
  setProblems(problems: readonly Problem[]): void;
  /** Put the cursor at a place and the focus into the editor. Both count from 1. */
  reveal(line: number, column: number): void;
  dispose(): void;
}

export interface EditorOptions {
  label: string;
  isReadOnly: boolean;
  /** Completes and explains configs. */
  help?: ConfigHelp | undefined;
  onedit: (text: string) => void;
}

let isSetUp = false;

function setUp(): void {
  if (isSetUp) return;
  isSetUp = true;
  offerQuickFixes();
  offerArgumentHelp();
  self.MonacoEnvironment = { getWorker: () => new EditorWorker({ name: 'monaco' }) };
  editor.defineTheme('tabtrain-light', LIGHT_THEME);
  editor.defineTheme('tabtrain-dark', DARK_THEME);
  const follow = (): void => editor.setTheme(isDark() ? 'tabtrain-dark' : 'tabtrain-light');
  new MutationObserver(follow).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', follow);
  follow();
}

/** Whether the page is dark now: by choice, or by the system where nothing was chosen. */
function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
}

/** Make an editor inside `element`. */
export function createEditor(
  element: HTMLElement,
  { label, isReadOnly, help, onedit }: EditorOptions,
): EditorHandle {
  setUp();
  element.replaceChildren();
  const instance = editor.create(element, {
    model: null,
    ariaLabel: label,
    readOnly: isReadOnly,
    domReadOnly: isReadOnly,
    automaticLayout: true,
    minimap: { enabled: false },
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
    fontSize: 13,
    lineHeight: 19,
    lineNumbersMinChars: 4,
    tabSize: 4,
    scrollBeyondLastLine: false,
    renderLineHighlight: isReadOnly ? 'none' : 'line',
    overviewRulerBorder: false,
    hideCursorInOverviewRuler: true,
    fixedOverflowWidgets: true,
    scrollbar: { alwaysConsumeMouseWheel: false, verticalScrollbarSize: 10, horizontalScrollbarSize: 10 },
    wordBasedSuggestions: 'off',
    // The text area: `insertInOnePiece` below needs its events.
    editContext: false,
    padding: { top: 8, bottom: 8 },
  });
  const stopInserting = insertInOnePiece(element, instance);
  let shownPath: string | null = null;
  let isSetting = false;
  const subscription = instance.onDidChangeModelContent(() => {
    if (!isSetting) onedit(instance.getValue());
  });
  return {
    setText(path, text) {
      isSetting = true;
      if (path !== shownPath) {
        const before = instance.getModel();
        shownPath = path;
        const model = modelFor(path, text, isReadOnly);
        instance.setModel(model);
        if (help) setHelp(model, help);
        letGo(before);
      } else if (instance.getValue() !== text) {
        const model = instance.getModel();
        // As an edit, so that it can be undone.
        if (model && !isReadOnly) {
          instance.executeEdits('tabtrain', [{ range: model.getFullModelRange(), text }]);
        } else model?.setValue(text);
      }
      isSetting = false;
    },
    setProblems(problems) {
      const model = instance.getModel();
      if (model) editor.setModelMarkers(model, PROBLEM_SOURCE, problems.flatMap(toMarkers));
    },
    reveal(line, column) {
      instance.setPosition({ lineNumber: line, column });
      instance.revealPositionInCenterIfOutsideViewport({ lineNumber: line, column });
      instance.focus();
    },
    dispose() {
      subscription.dispose();
      stopInserting();
      const model = instance.getModel();
      instance.dispose();
      letGo(model);
    },
  };
}

/**
 * Take several lines that arrive at once (dictation, a phone's clipboard, a script) as a paste. Monaco would take
 * them as typing and indent every line by the one before it.
 */
function insertInOnePiece(element: HTMLElement, instance: editor.IStandaloneCodeEditor): () => void {
  const listener = (event: InputEvent): void => {
    if (event.inputType !== 'insertText' || !event.data?.includes('\n')) return;
    event.preventDefault();
    instance.trigger('insert', 'paste', { text: event.data });
  };
  element.addEventListener('beforeinput', listener, { capture: true });
  return () => element.removeEventListener('beforeinput', listener, { capture: true });
}

/** A module's text may be there already, for those that import it. */
function modelFor(path: string, text: string, isReadOnly: boolean): editor.ITextModel {
  const uri = uriOf(path, isReadOnly);
  const existing = editor.getModel(uri);
  if (existing && isModule(existing)) {
    if (existing.getValue() !== text) existing.setValue(text);
    return existing;
  }
  existing?.dispose();
  return editor.createModel(text, languageOf(path), uri);
}

/** Modules stay: TypeScript goes on to look at them, and tells their texts apart by a model's own count of changes. */
function letGo(model: editor.ITextModel | null): void {
  if (model && !isModule(model)) model.dispose();
}

function isModule({ uri }: editor.ITextModel): boolean {
  return uri.scheme === 'file';
}

/** Modules are where imports of other modules find them. */
function uriOf(path: string, isReadOnly: boolean): Uri {
  if (!isReadOnly && isModuleFile(path)) return Uri.parse(`file:///${encodeURI(path)}`);
  return Uri.parse(`tabtrain://${isReadOnly ? 'view' : 'edit'}/${encodeURI(path)}`);
}

function languageOf(path: string): string {
  if (isModuleFile(path)) return 'typescript';
  return path.endsWith('.py') ? 'python' : 'plaintext';
}

const SEVERITIES = { error: MarkerSeverity.Error, warning: MarkerSeverity.Warning } as const;

/** What the hover says is what `tabtrain check` prints below the place. */
function toMarkers({ severity, message, path, hint, span, code }: Problem): editor.IMarkerData[] {
  if (!span) return [];
  const isEmpty = span.from === span.to;
  return [
    {
      severity: SEVERITIES[severity],
      message: [message, ...detailLines({ path, hint })].join('\n'),
      code,
      source: PROBLEM_SOURCE,
      startLineNumber: span.line,
      startColumn: span.column,
      endLineNumber: span.endLine,
      // An empty range would not be underlined.
      endColumn: isEmpty ? span.endColumn + 1 : span.endColumn,
    },
  ];
}
