// A local HTTP server whose health a test decides: up, away, hanging, breaking off, or answering with an error.

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | undefined;
  /** By name in lower case. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json: unknown;
}

/** What happens to a request: `cut` does what is asked and breaks off inside the answer; `hang` never answers. */
export type Fate = 'answer' | 'cut' | 'hang' | Answer;

export class TrackingServer {
  readonly requests: Received[] = [];
  /** Asked for every request, with its number from 0. */
  fate: (index: number, request: Received) => Fate = () => 'answer';
  /** True: pages of other origins may ask (CORS). */
  allowsPages = false;
  readonly #handle: (request: Received) => Answer;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  constructor(handle: (request: Received) => Answer) {
    this.#handle = handle;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get isUp(): boolean {
    return this.#server !== null;
  }

  /** The port stays the same from start to start. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#take(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Gone at once, with every open connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    if (this.allowsPages) {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-Test');
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT');
      if (request.method === 'OPTIONS') {
        response.writeHead(204).end();
        return;
      }
    }
    const { headers: sent } = request;
    const received = {
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: sent.authorization,
      headers: sent,
      body: Buffer.concat(chunks),
    };
    const fate = this.fate(this.requests.length, received);
    this.requests.push(received);
    if (fate === 'hang') return;
    const { status = 200, headers, json } = typeof fate === 'object' ? fate : this.#handle(received);
    const text = JSON.stringify(json);
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text) + (fate === 'cut' ? 1 : 0),
      ...headers,
    });
    if (fate !== 'cut') response.end(text);
    else response.write(text.slice(0, 1), () => response.destroy());
  }
}
