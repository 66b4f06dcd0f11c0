import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

const PORT = 4188;
/** Test a page that is served already, such as `vite dev`'s. */
const servedUrl = process.env['E2E_URL'];
/** What is heard within a second, or cut off at a certain iteration, has one browser alone, when the others are done. */
const TIMED = /(?:stopping|hangs|resume)\.spec\.ts/;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // A run begins on one core (modules, shaders) and trains on all: two browsers keep two cores busy.
  workers: 2,
  fullyParallel: true,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  projects: [
    { name: 'pages', testIgnore: TIMED },
    { name: 'timed', testMatch: TIMED, workers: 1, fullyParallel: false },
  ],
  forbidOnly: process.env['CI'] !== undefined,
  reporter: [['list']],
  use: {
    baseURL: servedUrl ?? `http://localhost:${PORT}`,
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    acceptDownloads: true,
    launchOptions: {
      executablePath: chromiumPath(),
      args: [
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--enable-unsafe-swiftshader',
        '--no-sandbox',
        '--disable-quic',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: servedUrl
    ? undefined
    : {
        command: `npx vite preview --port ${PORT} --strictPort`,
        url: `http://localhost:${PORT}`,
        reuseExistingServer: false,
        timeout: 60_000,
      },
});

/** $CHROMIUM, the system's, or undefined: Playwright's own download. */
function chromiumPath(): string | undefined {
  const candidates = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'];
  return candidates.find((path) => path !== undefined && existsSync(path));
}
