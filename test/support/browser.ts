import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { describePart } from './real-parts.ts';
import { until } from './until.ts';

const candidates = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser of this machine, if it has one. */
export const browser = candidates.find((path) => path !== undefined && existsSync(path));

/** For tests that look at a page. */
export const describeBrowser = describePart(
  'the Web UI',
  'SLUICE_REQUIRE_BROWSER',
  browser === undefined ? 'there is no Chromium; set CHROMIUM_PATH' : undefined,
);

/**
 * The text of a page of the Web UI with its frames (Markdown is shown in one) when it says all that is expected, or when it never does,
 * and a picture of it for people.
 */
export async function lookAt(
  page: Page,
  url: string,
  picture: string,
  ...expected: readonly string[]
): Promise<string> {
  const text = async () =>
    (await Promise.all(page.frames().map((frame) => frame.locator('body').innerText()))).join('\n');
  await page.goto(url);
  const shows = async () => {
    const shown = await text().catch(() => '');
    // As the page itself advises when it could not load a part of itself, which happens while a machine is busy.
    if (shown.includes('Try a refresh')) await page.reload();
    if (expected.every((words) => shown.includes(words))) return true;
    // A timeline draws only the rows in view, and measures where it is when something moves: mounted before the page was laid out, it stays half drawn.
    await page.evaluate("window.dispatchEvent(new Event('resize'))").catch(() => undefined);
    await page.waitForTimeout(200);
    return false;
  };
  // What it shows instead is in the picture.
  await until(shows).catch(() => undefined);
  await page.waitForTimeout(1000);
  await page.screenshot({ path: picture });
  return text();
}

/** Opens a page in a headless browser with a profile of its own. */
export async function withPage<T>(executablePath: string, work: (page: Page) => Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1440, height: 1100 },
    args: [
      ...[
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
      ],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
  try {
    return await work(await context.newPage());
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
