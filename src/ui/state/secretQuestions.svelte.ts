// What the loggers of the live run want to know of the person: asked one after the other, answered again from memory.

import type { SecretQuestion } from '../../worker/protocol.ts';

interface Asked {
  readonly id: number;
  readonly question: SecretQuestion;
}

export class SecretQuestions {
  #queue = $state.raw<readonly Asked[]>([]);
  /** The question to show. */
  readonly current = $derived(this.#queue.at(0)?.question ?? null);

  readonly #send: (id: number, value: string | null) => Promise<unknown>;
  /** Answers of this visit, and nowhere else; each is for one server. */
  #known: Readonly<Record<string, string | undefined>> = {};

  /** @param send hands an answer to the logger that asked */
  constructor(send: (id: number, value: string | null) => Promise<unknown>) {
    this.#send = send;
  }

  /** A logger asks. What is known is answered without asking, unless it did not do. */
  async ask(id: number, question: SecretQuestion): Promise<void> {
    const known = this.#known[keyOf(question)];
    if (known !== undefined && !question.refused) await this.#send(id, known);
    else this.#queue = [...this.#queue, { id, question }];
  }

  /** Answer {@link current}, and all that wait for the same; null: the person has no answer. */
  async answer(value: string | null): Promise<void> {
    const { current } = this;
    if (!current) return;
    const key = keyOf(current);
    if (value !== null) this.#known = { ...this.#known, [key]: value };
    const isSame = ({ question }: Asked): boolean => keyOf(question) === key;
    const answered = this.#queue.filter(isSame);
    this.#queue = this.#queue.filter((asked) => !isSame(asked));
    for (const { id } of answered) await this.#send(id, value);
  }

  /** The run is over: nobody waits for an answer. */
  drop(): void {
    this.#queue = [];
  }
}

/** A key must never go to another server than the one it was given for. */
function keyOf({ name, origin }: SecretQuestion): string {
  return `${name} ${origin}`;
}
