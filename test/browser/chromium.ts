import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Chromium is by distribution; BNNQ_CHROMIUM names another. */
const PATHS = [
  process.env.BNNQ_CHROMIUM ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Path of a Chromium, or undefined where there is none; tests then say that they are skipped. */
export const CHROMIUM: string | undefined = PATHS.find((path) => path !== '' && existsSync(path));

/** Starts it without a window. As root, in a container mostly, it refuses to start with its sandbox. */
export function launchChromium(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath: CHROMIUM!, chromiumSandbox: !isRoot });
}
