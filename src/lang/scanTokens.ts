// A config's text as the few tokens that say where one is in it: brackets, names, strings, commas, `=` and `:`.

export interface Token {
  /** `statement`: a name at the margin, where one begins; its name follows. */
  readonly kind:
    'statement' | 'name' | 'string' | 'open' | 'close' | 'comma' | 'assign' | 'comment' | 'other';
  readonly from: number;
  readonly to: number;
  /** Of a string what is between its quotes. */
  readonly text: string;
  /** Of a string whose end is missing: it goes to the end of its line. */
  readonly isOpen?: boolean;
}

const TOKEN =
  /(?<comment>#[^\n]*)|(?<string>[rRbBfFuU]{0,2}(?:"{3}[\s\S]*?(?:"{3}|$)|'{3}[\s\S]*?(?:'{3}|$)|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?))|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<open>[([{])|(?<close>[)\]}])|(?<comma>,)|(?<two>[=!<>:+\-*/%|&^]=)|(?<assign>[=:])|(?<other>[^\s])/gu;

/** Read a text's tokens; it may be broken in any way. */
export function* scanTokens(text: string): Generator<Token> {
  let depth = 0;
  for (const match of text.matchAll(TOKEN)) {
    const { comment, string, name, open, close, comma, assign } = match.groups ?? {};
    const from = match.index;
    const to = from + match[0].length;
    const token = (kind: Token['kind']): Token => ({ kind, from, to, text: match[0] });
    if (comment !== undefined) yield token('comment');
    else if (string !== undefined) yield stringToken(string, from);
    else if (name !== undefined) {
      if (isStatement(text, from, to, depth)) {
        depth = 0;
        yield { kind: 'statement', from, to: from, text: '' };
      }
      yield token('name');
    } else if (open !== undefined) {
      depth += 1;
      yield token('open');
    } else if (close !== undefined) {
      depth = Math.max(0, depth - 1);
      yield token('close');
    } else if (comma !== undefined) yield token('comma');
    else if (assign !== undefined) yield token('assign');
    else yield token('other');
  }
}

/** Within brackets only what no argument looks like: `name = …` at the margin, with spaces around the sign. */
function isStatement(text: string, from: number, to: number, depth: number): boolean {
  if (from > 0 && text[from - 1] !== '\n') return false;
  return depth === 0 || /^(?:\[[^\]\n]*\])* = /.test(text.slice(to, to + 200));
}

function stringToken(written: string, from: number): Token {
  const prefix = /^[a-zA-Z]*/.exec(written)?.[0].length ?? 0;
  const body = written.slice(prefix);
  const quote = /^("""|'''|"|')/.exec(body)?.[0] ?? '"';
  const isOpen = body.length < 2 * quote.length || !body.endsWith(quote);
  const text = body.slice(quote.length, isOpen ? undefined : -quote.length);
  return { kind: 'string', from, to: from + written.length, text, isOpen };
}
