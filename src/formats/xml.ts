// A small XML reader for annotation files. It knows elements, text, CDATA, comments and the five named entities;
// document types are passed over and their entities never expanded, so no file can blow up or fetch anything.
// Source: XML 1.0 (W3C), the parts that Pascal VOC writers use.

export interface XmlElement {
  readonly tag: string;
  readonly children: XmlElement[];
  /** Text directly inside, trimmed. */
  text: string;
}

/** Why a text is not XML. */
export class XmlSyntaxError extends Error {}

const MAX_DEPTH = 64;
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE(?:[^>[]|\[[\s\S]*?\]\s*(?=>))*>|<\/([^\s>]+)\s*>|<([^\s/>!?]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|([^<]+)/gy;

/** @returns the root element. @throws XmlSyntaxError with a reason in words */
export function parseXml(text: string): XmlElement {
  const document: XmlElement = { tag: '', children: [], text: '' };
  const open: XmlElement[] = [document];
  const token = new RegExp(TOKEN);
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) {
      const isCut = !text.slice(at).includes('>');
      throw new XmlSyntaxError(
        isCut
          ? `it ends inside a tag at ${place(text, at)} (is the file cut off?)`
          : `unreadable mark at ${place(text, at)}`,
      );
    }
    const [, cdata, closing, opening, , selfClosing, plain] = match;
    const current = open.at(-1) ?? document;
    if (closing !== undefined) {
      if (open.length === 1 || current.tag !== closing)
        throw new XmlSyntaxError(`</${closing}> closes <${current.tag || 'nothing'}> at ${place(text, at)}`);
      current.text = current.text.trim();
      open.pop();
    } else if (opening !== undefined) {
      const element: XmlElement = { tag: opening, children: [], text: '' };
      current.children.push(element);
      if (selfClosing === '') open.push(element);
      if (open.length > MAX_DEPTH) throw new XmlSyntaxError(`more than ${MAX_DEPTH} levels`);
    } else if (cdata !== undefined) current.text += cdata;
    else if (plain !== undefined) current.text += unescapeXml(plain);
  }
  if (open.length > 1)
    throw new XmlSyntaxError(`<${open.at(-1)?.tag}> is never closed (is the file cut off?)`);
  const [root] = document.children;
  if (!root || document.children.length !== 1 || document.text.trim() !== '')
    throw new XmlSyntaxError(`it must hold one root element, got ${document.children.length}`);
  return root;
}

/** First direct child of that name. */
export function child(element: XmlElement | undefined, tag: string): XmlElement | undefined {
  return element?.children.find((c) => c.tag === tag);
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([\da-fA-F]{1,6})|#(\d{1,7})|(\w+));/g, (whole, hex, decimal, name) => {
    if (typeof name === 'string') return (Object.hasOwn(NAMED, name) ? NAMED[name] : undefined) ?? whole;
    const code = typeof hex === 'string' ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function place(text: string, at: number): string {
  const before = text.slice(0, at);
  return `line ${before.split('\n').length}, column ${at - before.lastIndexOf('\n')}`;
}
