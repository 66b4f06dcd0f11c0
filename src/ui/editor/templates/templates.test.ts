import { expect, test } from 'vitest';
import { TEMPLATES, textFor } from './index.ts';
import { at } from '../../../util/at.ts';

test('every template names its module in the config lines, and its class after the file', () => {
  expect(TEMPLATES).toHaveLength(4);
  for (const template of TEMPLATES) {
    const text = textFor(template, 'mine/say_hello2.ts');
    expect(text).toContain("imports=['mine.say_hello2']");
    expect(text).toMatch(/export class SayHello2 (extends|implements) /);
    expect(text).toContain('@');
    expect(text).not.toContain('My');
    expect(textFor(template, template.path)).toBe(template.text);
  }
});

test('a file whose name begins with a digit still gets a class name', () => {
  expect(textFor(at(TEMPLATES, 0), '1st.ts')).toContain('export class My1st extends Optimizer');
});
