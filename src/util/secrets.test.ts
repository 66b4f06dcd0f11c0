import { expect, test } from 'vitest';
import { maskSecrets, maskSecretsIn } from './secrets.ts';

test.each([
  ["tracking_uri='http://me:pw@host:5000/a'", "tracking_uri='http://***@host:5000/a'"],
  ['postgresql://me:p@ss:w@db/x', 'postgresql://***@db/x'],
  ['https://t0ken@host', 'https://***@host'],
  ['http://h/a?x=1&token=abc&y=2', 'http://h/a?x=1&token=***&y=2'],
  ['http://h/a?api-key=abc#z', 'http://h/a?api-key=***#z'],
  ["dict(api_key='a\\'b', lr=0.1)", "dict(api_key='***', lr=0.1)"],
  ['{"password": "x y", "n": 1}', '{"password": "***", "n": 1}'],
  ["{'WANDB_API_KEY': 'abc'}", "{'WANDB_API_KEY': '***'}"],
  ["os.environ['HF_TOKEN'] = 'abc'", "os.environ['HF_TOKEN'] = '***'"],
  ['--cfg-options log_config.hooks.1.api_key=abc lr=1', '--cfg-options log_config.hooks.1.api_key=*** lr=1'],
])('masks %s', (text, masked) => {
  expect(maskSecrets(text)).toBe(masked);
  expect(maskSecrets(masked)).toBe(masked);
});

test.each([
  "dict(type='ViT', cls_token=True, num_token=12, token=dict(dim=3), author='me', keys=['img'])",
  'Epoch [1][10/37]\tlr: 1.000e-03, eta: 0:00:42, loss: 1.2345',
  "load_from = 'https://download.openmmlab.com/a/b@c.pth'",
  'model.backbone.auth = None, tokens=5, mail me@host',
])('leaves alone %s', (text) => {
  expect(maskSecrets(text)).toBe(text);
});

test('plain data are masked by key and by text; the data themselves stay', () => {
  const data = { api_key: 'abc', deep: { urls: ['http://a:b@c/'], token: 7, secret: ['x'] }, lr: 0.1 };
  expect(maskSecretsIn(data)).toEqual({
    api_key: '***',
    deep: { urls: ['http://***@c/'], token: 7, secret: ['***'] },
    lr: 0.1,
  });
  expect(data.api_key).toBe('abc');
});
