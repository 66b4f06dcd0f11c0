import { expect, test } from 'vitest';
import type { SecretQuestion } from '../../worker/protocol.ts';
import { SecretQuestions } from './secretQuestions.svelte.ts';

const question = (origin: string, refused: string | null = null): SecretQuestion => ({
  name: 'WANDB_API_KEY',
  title: 'API key',
  origin,
  url: `${origin}/authorize`,
  refused,
});
const OWN = 'https://api.wandb.ai';
const OTHER = 'https://wandb.example';

function setUp(): { questions: SecretQuestions; sent: [number, string | null][] } {
  const sent: [number, string | null][] = [];
  return { questions: new SecretQuestions(async (id, value) => void sent.push([id, value])), sent };
}

test('what is known is for one server: another one is asked for, though it has the same name', async () => {
  const { questions, sent } = setUp();
  await questions.ask(0, question(OWN));
  await questions.answer('secret');
  await questions.ask(1, question(OTHER));
  expect(sent).toEqual([[0, 'secret']]);
  expect(questions.current?.origin).toBe(OTHER);
  await questions.answer(null);
  await questions.ask(2, question(OWN));
  expect(questions.current).toBeNull();
  expect(sent).toEqual([
    [0, 'secret'],
    [1, null],
    [2, 'secret'],
  ]);
});

test('two that ask at once are asked one after the other, each gets its own answer', async () => {
  const { questions, sent } = setUp();
  await questions.ask(0, question(OWN));
  await questions.ask(1, question(OTHER));
  await questions.ask(2, question(OWN));
  expect(questions.current?.origin).toBe(OWN);
  await questions.answer('a');
  expect(questions.current?.origin).toBe(OTHER);
  await questions.answer('b');
  expect(questions.current).toBeNull();
  expect(sent).toEqual([
    [0, 'a'],
    [2, 'a'],
    [1, 'b'],
  ]);
});

test('an answer that did not do is asked for again; those of a run that is over are not', async () => {
  const { questions, sent } = setUp();
  await questions.ask(0, question(OWN));
  await questions.answer('wrong');
  await questions.ask(1, question(OWN, 'answers 401'));
  expect(questions.current?.refused).toBe('answers 401');
  await questions.answer('right');
  await questions.ask(2, question(OWN));
  expect(sent.at(-1)).toEqual([2, 'right']);
  await questions.ask(3, question(OTHER));
  questions.drop();
  expect(questions.current).toBeNull();
  await questions.answer('late');
  expect(sent).toHaveLength(3);
});
