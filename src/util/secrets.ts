// Passwords, tokens and keys are masked where text leaves for the disk, the network or the console. The running config keeps them.

const MASK = '***';
const NAMES =
  'password|passwd|pwd|secret|token|api_?key|access_?key(?:_?id)?|private_?key|credentials?|auth(?:orization)?|signature';
const IS_SECRET_NAME = new RegExp(`(?:${NAMES})$`, 'i');
/** `user:password@` of an address, to the last `@` in front of its path. */
const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi;
/** `?token=…`, `&api_key=…`. */
const QUERY = new RegExp(`([?&;][\\w.-]*(?:${NAMES}|key|sig)=)[^\\s&;#'"]+`, 'gi');
/** `api_key='…'`, `"token": "…"`, as code, JSON and reprs write it. */
const QUOTED = new RegExp(`((?:${NAMES})['"]?\\]?\\s*[=:]\\s*)(['"])(?:\\\\.|(?!\\2).)+\\2`, 'gi');
/** `api_key=…`, as options on a command line are written; not values that can't be a secret. */
const BARE = new RegExp(
  `((?:${NAMES})=)(?!True\\b|False\\b|None\\b|[\\d.+-]+(?![\\w-])|\\w*[[({'"*])[^\\s,)\\]}&;'"]+`,
  'gi',
);

/**
 * Mask what looks like a secret: credentials inside of addresses, and texts given to something called password, token,
 * api_key and the like.
 * @example maskSecrets("tracking_uri='http://me:pw@host:5000'") // "tracking_uri='http://***@host:5000'"
 */
export function maskSecrets(text: string): string {
  return text
    .replace(USER_INFO, `$1${MASK}@`)
    .replace(QUERY, `$1${MASK}`)
    .replace(QUOTED, `$1$2${MASK}$2`)
    .replace(BARE, `$1${MASK}`);
}

/**
 * The same for plain data (dicts, lists, texts), by key and by text.
 * @param name the key that the value stands under
 * @returns new data; what isn't plain stays itself
 */
export function maskSecretsIn(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return value !== '' && IS_SECRET_NAME.test(name) ? MASK : maskSecrets(value);
  // Of the same class, so that a tuple stays one.
  if (Array.isArray(value)) return value.map((entry: unknown) => maskSecretsIn(entry, name)) as unknown[];
  const isPlain =
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, maskSecretsIn(entry, key)]));
}
