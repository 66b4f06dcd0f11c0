// What the editor proposes and explains at a place of a config, without a word of Monaco's.

import {
  EMPTY_ARG_DOC,
  type ArgDoc,
  type ArgumentDocs,
  type ClassDoc,
} from '../../contracts/argumentDocs.ts';
import { innermostAt, placeAt, readContainers, type PlacedEntry } from '../../lang/configPlaces.ts';
import { contextOf, type DictContext, type TypeName } from './argumentContext.ts';

/** One entry of the list. */
export interface Proposal {
  readonly label: string;
  /** What is written for it. */
  readonly insert: string;
  readonly kind: 'key' | 'class' | 'value';
  /** Behind the label: the kind of a key's values. */
  readonly detail: string;
  /** Markdown. */
  readonly help: string;
  /** Those that must be there come first. */
  readonly isRequired: boolean;
}

export interface Proposals {
  /** What they replace, as offsets. */
  readonly from: number;
  readonly to: number;
  readonly list: readonly Proposal[];
}

type Values = Readonly<Record<string, unknown>>;

/** @param resolved the config as it was when it could be read last; null before */
export function proposalsAt(
  text: string,
  offset: number,
  docs: ArgumentDocs,
  resolved: Values | null,
): Proposals | null {
  const place = placeAt(text, offset);
  if (!place || place.container.kind === 'call') return null;
  const { container, entry, at, string, from, to } = place;
  const context = contextOf(container, docs, resolved);
  if (!context) return null;
  if (at === 'value' && entry) return { from, to, list: valuesFor(entry, context, string !== null) };
  const isTop = container.kind === 'top';
  if (isTop && from > 0 && text[from - 1] !== '\n') return null;
  // Outside of quotes the keys of `{…}` are names.
  const isQuoted = container.kind === 'braces' && string === null;
  if (container.kind === 'list' || (string && container.kind !== 'braces')) return null;
  const given = new Set(container.entries.filter((one) => one !== entry).map(({ key }) => key.join('.')));
  const sign = isTop ? ' = ' : container.kind === 'braces' ? ': ' : '=';
  // A key that has its value already is only renamed.
  const behind = entry || string ? '' : sign;
  const insert = (name: string): string => (isQuoted ? `'${name}'${behind}` : `${name}${behind}`);
  const keys = withBy(context).filter(({ name, kind }) => !given.has(name) && isUseful(kind));
  return { from, to, list: keys.map((key) => keyProposal(key, insert(key.name))) };
}

/** A key that must be left out is no proposal. */
function isUseful(kind: string): boolean {
  return kind !== 'not supported' && kind !== 'not here';
}

/** A `type` is a key as well. */
function withBy({ keys, by, built }: DictContext): readonly ArgDoc[] {
  if (!by || keys.some(({ name }) => name === by.name)) return keys;
  const help = by.name === 'type' ? 'The class that it is made with.' : 'Which of them it is.';
  return [{ ...EMPTY_ARG_DOC, kind: 'str', name: by.name, help, isRequired: built === null }, ...keys];
}

function keyProposal(doc: ArgDoc, insert: string): Proposal {
  const { name, kind, isRequired } = doc;
  return { label: name, insert, kind: 'key', detail: kind, help: keyHelp(doc), isRequired };
}

function valuesFor(entry: PlacedEntry, context: DictContext, isInString: boolean): Proposal[] {
  const key = entry.key.at(-1);
  if (context.by && key === context.by.name) {
    return context.by.names.map((one) => ({
      label: one.name,
      insert: isInString ? one.name : `'${one.name}'`,
      kind: 'class',
      detail: whatOf(one),
      help: '',
      isRequired: one.isOwn,
    }));
  }
  const doc = context.keys.find(({ name }) => name === key);
  return doc ? choicesOf(doc, isInString) : [];
}

function whatOf({ what, isOwn }: TypeName): string {
  return [isOwn ? 'your own' : '', what ?? ''].filter((part) => part !== '').join(' ');
}

function choicesOf(doc: ArgDoc, isInString: boolean): Proposal[] {
  const written = [...doc.choices, ...(/\bbool\b/.test(doc.kind) ? ['True', 'False'] : [])];
  const all = [...written, ...(/\bNone\b/.test(doc.kind) ? ['None'] : [])];
  return [...new Set(all)].flatMap((choice): Proposal[] => {
    const name = /^'(.*)'$/.exec(choice)?.[1] ?? (/^[A-Z_]+$/.test(choice) ? choice : undefined);
    if (isInString && name === undefined) return [];
    const insert = isInString ? (name ?? choice) : name === undefined ? choice : `'${name}'`;
    const detail = doc.default === choice ? 'default' : '';
    return [{ label: insert, insert, kind: 'value', detail, help: '', isRequired: false }];
  });
}

/** What the hover says, and the range that it is about. */
export interface HoverText {
  readonly from: number;
  readonly to: number;
  /** Markdown. */
  readonly text: string;
}

/** What a key means, or what the class of a `type` is. */
export function hoverAt(
  text: string,
  offset: number,
  docs: ArgumentDocs,
  resolved: Values | null,
): HoverText | null {
  const container = innermostAt(readContainers(text), offset);
  const keyed = container.entries.find(({ keyFrom, keyTo }) => keyFrom <= offset && offset <= keyTo);
  const context = contextOf(container, docs, resolved);
  if (!context) return null;
  if (keyed) {
    const doc = withBy(context).find(({ name }) => name === keyed.key.join('.'));
    return doc
      ? { from: keyed.keyFrom, to: keyed.keyTo, text: `**${doc.name}** ${keyHelp(doc, true)}` }
      : null;
  }
  const place = placeAt(text, offset);
  const { entry, string } = place ?? {};
  if (!entry || !string || entry.text === null || entry.key.at(-1) !== context.by?.name) return null;
  const what = context.built
    ? classHelp(context.built)
    : `**${entry.text}** takes ${context.keys.map(({ name }) => `\`${name}\``).join(', ') || 'no arguments'}.`;
  return context.built || context.keys.length > 0 ? { ...string, text: what } : null;
}

/** Kind, default, unit, then the sentence. */
function keyHelp({ kind, isRequired, default: fallback, unit, help }: ArgDoc, withKind = false): string {
  const parts = [
    withKind ? `\`${kind}\`` : '',
    isRequired ? 'required' : fallback === null ? '' : `default \`${fallback}\``,
    unit === null ? '' : `in ${unit}`,
  ].filter((part) => part !== '');
  return [parts.join(', '), help].filter((part) => part !== '').join('\n\n');
}

function classHelp({ type, part, registry, isOwn, args }: ClassDoc): string {
  const kind = part === null ? '' : `${part} of `;
  const whose = isOwn ? 'Your own class. ' : '';
  const names = args
    .filter(({ kind: own }) => isUseful(own))
    .map(({ name, isRequired }) => (isRequired ? `**\`${name}\`**` : `\`${name}\``));
  const takes = names.length === 0 ? 'It takes no arguments.' : `It takes ${names.join(', ')}.`;
  return `**${type}**: ${kind}the ${registry} registry\n\n${whose}${takes}`;
}
