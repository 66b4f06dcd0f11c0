import { ConfigError } from '../../errors/trainerError.ts';
import { maskSecrets } from '../../util/secrets.ts';

export interface ServerAddress {
  /** Without credentials, query and a slash at its end. */
  readonly url: string;
  /** `Basic …` for credentials inside the address, which fetch itself refuses. */
  readonly authorization: string | null;
}

/**
 * Read the address of a server.
 * @param subject what the message begins with; the argument's name leads to its place in the config
 * @throws ConfigError unless it is an http or https address
 */
export function readServerAddress(text: string, subject: string, hint: string): ServerAddress {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`${subject} must be an http or https address, but got '${maskSecrets(text)}'`, {
      code: 'bad-value',
      hint,
    });
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  // Endpoints are appended to it; and a token in it would be written into files.
  url.search = '';
  url.hash = '';
  return {
    url: url.href.replace(/\/+$/, ''),
    authorization: username ? basicAuth(decodeURIComponent(username), decodeURIComponent(password)) : null,
  };
}

/** The value of an Authorization header. */
export function basicAuth(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
