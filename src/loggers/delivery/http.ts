// HTTP requests of a logger, by `fetch` alone, so that they work in a worker and in Node.

import { RunError } from '../../errors/trainerError.ts';

/** A request that was not answered is given up after this. */
export const REQUEST_TIMEOUT_MS = 30_000;
const MAX_QUOTED_CHARS = 200;
/** Answers that ask to come again: timeout, too early, too many requests; and every 5xx. */
const COME_AGAIN = [408, 425, 429];

interface DeliveryErrorOptions {
  /** True when sending the same again can't help: the key, the address or the data is at fault. */
  isFinal: boolean;
  /** Default `logger-refused` or `logger-away`. */
  code?: string;
  status?: number;
  /** The server's own wish. */
  retryAfterMs?: number;
  hint?: string;
  cause?: unknown;
}

/** The server is away or said no. */
export class DeliveryError extends RunError {
  override readonly name: string = 'DeliveryError';
  readonly isFinal: boolean;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { isFinal, code, status, retryAfterMs, hint, cause }: DeliveryErrorOptions) {
    super(message, { code: code ?? (isFinal ? 'logger-refused' : 'logger-away'), hint, cause });
    this.isFinal = isFinal;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface HttpRequest {
  readonly url: string;
  /** Default POST with a body, else GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** What came back, whatever it says. */
export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly text: string;
  /** The header of that name. */
  readonly retryAfter: string | null;
}

/**
 * Send and read the whole answer.
 * @throws DeliveryError not final when the server can't be reached, breaks off, answers 408, 425, 429 or 5xx, or
 * doesn't answer in time; a page's request that CORS forbids looks the same as an absent server. Final for every
 * other status.
 */
export async function request(what: HttpRequest, signal: AbortSignal): Promise<string> {
  const { url, headers, body } = what;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
  try {
    const response = await fetch(url, {
      method: what.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: limit,
    });
    return textOf(url, await readAnswer(response));
  } catch (error) {
    throw error instanceof DeliveryError ? error : unreachable(url, error);
  }
}

/** Send and read the answer as a JSON object. @throws DeliveryError also when it is none: something else answered */
export async function requestJson(what: HttpRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
  const text = await request(what, signal);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new DeliveryError(`${new URL(what.url).origin} must answer in JSON, but doesn't`, { isFinal: false });
}

export async function readAnswer(response: Response): Promise<HttpAnswer> {
  const { status, statusText, headers } = response;
  return { status, statusText, text: await response.text(), retryAfter: headers.get('Retry-After') };
}

/** The body of an answer that says yes. @throws DeliveryError for every other one */
export function textOf(url: string, { status, statusText, text, retryAfter }: HttpAnswer): string {
  if (status >= 200 && status < 300) return text;
  const isFinal = status < 500 && !COME_AGAIN.includes(status);
  const quoted = text.replace(/\s+/g, ' ').trim().slice(0, MAX_QUOTED_CHARS);
  throw new DeliveryError(
    `${new URL(url).origin} answers ${status}${statusText ? ` ${statusText}` : ''}${quoted ? `: ${quoted}` : ''}`,
    { isFinal, status, retryAfterMs: readRetryAfter(retryAfter) },
  );
}

/** Nobody answered. */
export function unreachable(url: string, cause: unknown): DeliveryError {
  return new DeliveryError(`${new URL(url).origin} can't be reached (${reasonOf(cause)})`, {
    isFinal: false,
    hint: 'is the server running, and does it allow requests from this page (CORS)?',
    cause,
  });
}

/** Seconds, or a date. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Node hides the reason in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${REQUEST_TIMEOUT_MS / 1000} s`;
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
