import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { browserPath } from '../../scripts/browser.mjs';

const PICTURES = join('test-results', 'page');
export const WIDE = { width: 1280, height: 900 };
/** As narrow as phones are. */
export const NARROW = { width: 375, height: 812 };

/** A Chromium, and what went wrong in any of its pages. */
export class PageBrowser {
  readonly #browser: Browser;
  /** Exceptions, refusals of the content security policy and failed scripts, as the console has them. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<PageBrowser> {
    // Chromium's own sandbox needs a user that is not root; what is opened here is ours.
    const args = ['--no-sandbox', '--disable-dev-shm-usage'];
    await mkdir(PICTURES, { recursive: true });
    return new PageBrowser(await chromium.launch({ executablePath: browserPath(), args }));
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.#browser.newPage({ viewport: WIDE, ...options });
    page.on('pageerror', ({ message }) => this.complaints.push(message));
    page.on('console', (line) => {
      const isRefusedRead = line.text().startsWith('Failed to load resource');
      const isLostStream = line.text().startsWith('WebSocket connection');
      if (line.type() === 'error' && !isRefusedRead && !isLostStream)
        this.complaints.push(line.text());
    });
    await page.goto(url);
    return page;
  }

  /** Keeps a picture of the whole page in test-results/page/. */
  async picture(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}

/** How much wider the content is than the window. */
export async function overhang(page: Page): Promise<number> {
  return page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
}

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
  readonly properties?: readonly { readonly name: string; readonly value: { value?: unknown } }[];
}

/** Roles of what can be focused and has no name for those who do not see it. */
export async function nameless(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as unknown as {
    readonly nodes: readonly AxNode[];
  };
  const WITHOUT = new Set(['RootWebArea', 'main', 'listitem']);
  return nodes.flatMap(({ ignored, role, name, properties = [] }) => {
    const isFocusable = properties.some((each) => each.name === 'focusable' && each.value.value);
    const isNamed = (name?.value ?? '').trim() !== '';
    const kind = role?.value ?? '';
    return !ignored && isFocusable && !isNamed && !WITHOUT.has(kind) ? [kind] : [];
  });
}
