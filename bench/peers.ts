// The contenders seen from the main thread.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Answers, ContenderName, Request } from './contenders/contender.ts';
import type { Reply, WorkerArgs } from './worker.ts';
import { at } from '../src/util/at.ts';

/** A contender that can be asked. */
export interface Peer {
  readonly name: ContenderName;
  /** @throws Error with the contender's own message */
  ask<K extends Request['do']>(request: Extract<Request, { do: K }>): Promise<Answers[K]>;
  close(): Promise<void>;
}

/** Where the peers come from. */
export interface PeerPlaces {
  /** URL of the bundle that {@link serve}s in a worker thread. */
  readonly workerUrl: string;
  readonly torchScript: string;
  readonly jaxVersion: string;
}

/** Start a contender. It opens its device at its first request. */
export function startPeer(name: ContenderName, places: PeerPlaces): Peer {
  return name === 'torch_cpu' || name === 'torch_cuda' ? torchPeer(name, places) : threadPeer(name, places);
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Requests and replies in order; every request settles, also when the other side dies. */
class Line {
  readonly #send: (request: Request) => void;
  #waiting: Waiting[] = [];
  #dead: Error | null = null;

  constructor(send: (request: Request) => void) {
    this.#send = send;
  }

  async ask(request: Request): Promise<Answers[keyof Answers]> {
    if (this.#dead) throw this.#dead;
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#send(request);
    });
    if ('error' in reply) throw new Error(reply.error);
    return reply.ok;
  }

  reply(reply: Reply): void {
    this.#waiting.shift()?.resolve(reply);
  }

  fail(error: Error): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function threadPeer(name: ContenderName, { workerUrl, jaxVersion }: PeerPlaces): Peer {
  const args: WorkerArgs = { contender: name, jaxVersion };
  // The driver is chosen by an environment variable, which must reach the real environment.
  const worker = new Worker(new URL(workerUrl), { workerData: args, env: SHARE_ENV });
  const line = new Line((request) => {
    worker.postMessage(request);
  });
  worker.on('message', (reply: Reply) => {
    line.reply(reply);
  });
  worker.on('error', (error: unknown) => {
    line.fail(error instanceof Error ? error : new Error(String(error)));
  });
  worker.on('exit', () => {
    line.fail(new Error('its thread ended'));
  });
  return {
    name,
    ask: async (request) => (await line.ask(request)) as never,
    close: async () => {
      await worker.terminate();
    },
  };
}

const HAS_TORCH = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)';
let python: string | null = null;

/** The first Python that has torch; when none has, the one whose complaint is worth reading. */
function findPython(): string {
  const wanted = process.env.TABTRAIN_PYTHON;
  if (wanted !== undefined) return wanted;
  const places = ['python3', '/usr/bin/python3', '/usr/local/bin/python3', '/opt/conda/bin/python3'];
  return places.find((path) => spawnSync(path, ['-c', HAS_TORCH]).status === 0) ?? at(places, 0);
}

function torchPeer(name: 'torch_cpu' | 'torch_cuda', { torchScript }: PeerPlaces): Peer {
  python ??= findPython();
  const child: ChildProcess = spawn(python, ['-u', torchScript, name === 'torch_cpu' ? 'cpu' : 'cuda'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const line = new Line((request) => {
    child.stdin?.write(`${JSON.stringify(request)}\n`);
  });
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-2000);
  });
  // A Python that never started closes its pipe; `exit` tells why.
  child.stdin?.on('error', () => undefined);
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (text) => {
      line.reply(JSON.parse(text) as Reply);
    });
  child.on('error', (error) => {
    line.fail(error);
  });
  child.on('close', () => {
    line.fail(new Error(complaint.trim().split('\n').at(-1) ?? 'Python ended'));
  });
  return {
    name,
    ask: async (request) => (await line.ask(request)) as never,
    close: async () => {
      child.kill();
    },
  };
}
