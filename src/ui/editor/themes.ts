// Monaco's colours in the page's palette (app.css).

import type { editor } from 'monaco-editor/editor/editor.api';

export const LIGHT_THEME: editor.IStandaloneThemeData = {
  base: 'vs',
  inherit: true,
  rules: [
    { token: 'comment', foreground: '66717a', fontStyle: 'italic' },
    { token: 'keyword', foreground: '8a3ffc' },
    { token: 'number', foreground: '0b5cad' },
    { token: 'string', foreground: '9a4a00' },
    { token: 'string.escape', foreground: '9a4a00' },
    { token: 'identifier', foreground: '1c2227' },
    { token: 'delimiter', foreground: '56616a' },
  ],
  colors: {
    'editor.background': '#ffffff',
    'editor.foreground': '#1c2227',
    'editor.lineHighlightBackground': '#f6f7f8',
    'editorLineNumber.foreground': '#858f97',
    'editorLineNumber.activeForeground': '#1c2227',
    'editorCursor.foreground': '#0f766e',
    'editor.selectionBackground': '#c9e9e4',
    focusBorder: '#0f766e',
  },
};

export const DARK_THEME: editor.IStandaloneThemeData = {
  base: 'vs-dark',
  inherit: true,
  rules: [
    { token: 'comment', foreground: '8b969f', fontStyle: 'italic' },
    { token: 'keyword', foreground: 'c4a1ff' },
    { token: 'number', foreground: '7fbcff' },
    { token: 'string', foreground: 'f0b478' },
    { token: 'string.escape', foreground: 'f0b478' },
    { token: 'identifier', foreground: 'e4e8eb' },
    { token: 'delimiter', foreground: 'a0abb4' },
  ],
  colors: {
    'editor.background': '#1b1f23',
    'editor.foreground': '#e4e8eb',
    'editor.lineHighlightBackground': '#20252a',
    'editorLineNumber.foreground': '#6a747d',
    'editorLineNumber.activeForeground': '#e4e8eb',
    'editorCursor.foreground': '#2dd4bf',
    'editor.selectionBackground': '#1f4a45',
    focusBorder: '#2dd4bf',
  },
};
