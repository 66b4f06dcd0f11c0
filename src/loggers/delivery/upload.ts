// A file on its way to a server: bounded by whether it gets on, not by how long it takes.

import { DeliveryError, readAnswer, textOf, unreachable, type HttpAnswer } from './http.ts';
import type { Delivery } from './sender.ts';

const CHUNK_BYTES = 1 << 16;

export interface UploadRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** `RequestInit` of a body that is a stream, which the DOM's types don't know. */
interface StreamInit extends RequestInit {
  duplex: 'half';
}

/**
 * PUT bytes and read the whole answer. `delivery.onProgress` hears whenever some of them are gone.
 * @throws DeliveryError as `request` does; not final also when nothing moves for `delivery.stallMs`
 */
export async function upload(what: UploadRequest, delivery: Delivery): Promise<string> {
  const { stallMs } = delivery;
  const stalled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const isMoving = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), stallMs);
  };
  const onProgress = (): void => {
    isMoving();
    delivery.onProgress();
  };
  const signal = AbortSignal.any([delivery.signal, stalled.signal]);
  isMoving();
  try {
    // A page's fetch streams over HTTP/2 only, and never tells how far it is; Node has no XMLHttpRequest.
    const send = typeof XMLHttpRequest === 'undefined' ? sendByFetch : sendByXhr;
    return textOf(what.url, await send(what, signal, onProgress));
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    const reason = stalled.signal.aborted ? new Error(`nothing moved for ${stallMs / 1000} s`) : error;
    throw unreachable(what.url, reason);
  } finally {
    clearTimeout(timer);
  }
}

async function sendByFetch(
  { url, headers, body }: UploadRequest,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<HttpAnswer> {
  let at = 0;
  // Pulled when the socket takes more: with no queue of its own, that is progress.
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at > 0) onProgress();
        if (at < body.length) controller.enqueue(body.slice(at, at + CHUNK_BYTES));
        else controller.close();
        at += CHUNK_BYTES;
      },
    },
    { highWaterMark: 0 },
  );
  const init: StreamInit = {
    method: 'PUT',
    // Storage servers refuse a body of unknown length.
    headers: { ...headers, 'Content-Length': String(body.length) },
    body: stream,
    duplex: 'half',
    signal,
  };
  return readAnswer(await fetch(url, init));
}

function sendByXhr(
  { url, headers, body }: UploadRequest,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = (): void => xhr.abort();
    signal.addEventListener('abort', abort);
    xhr.upload.onprogress = onProgress;
    xhr.onerror = () => reject(new Error('Failed to fetch'));
    xhr.onabort = () => reject(new Error('aborted'));
    xhr.onload = () => {
      const { status, statusText, responseText: text } = xhr;
      resolve({ status, statusText, text, retryAfter: xhr.getResponseHeader('Retry-After') });
    };
    xhr.onloadend = () => signal.removeEventListener('abort', abort);
    xhr.open('PUT', url);
    for (const [name, value] of Object.entries(headers ?? {})) xhr.setRequestHeader(name, value);
    xhr.send(new Uint8Array(body));
  });
}
