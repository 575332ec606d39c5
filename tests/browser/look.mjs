// Opens the page of scaler web in a real browser: light, dark and on a phone. Prints what is to be read on each as JSON,
// and everything that must not be: a request elsewhere, a script, a dialog, an error, a page wider than its window.
// usage: node look.mjs PLAYWRIGHT CHROMIUM URL FOLDER
import { pathToFileURL } from 'node:url';

const [playwright, executablePath, url, folder] = process.argv.slice(2);
const { chromium } = await import(pathToFileURL(playwright));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const views = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'dark', viewport: { width: 390, height: 844 }, isMobile: true },
};
const seen = {}, bad = [];
for (const [name, options] of Object.entries(views)) {
  const context = await browser.newContext(options), page = await context.newPage();
  await context.route('**', route => {
    const asked = route.request().url();
    if (new URL(asked).host === new URL(url).host) return route.continue();
    bad.push(`${name} asks ${asked}`);
    return route.abort();
  });
  page.on('console', message => message.type() === 'error' && bad.push(`${name} says ${message.text()}`));
  page.on('pageerror', error => bad.push(`${name} throws ${error}`));
  page.on('dialog', dialog => { bad.push(`${name} opens a dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(url);
  seen[name] = await page.evaluate(() => ({
    verdict: document.querySelector('#verdict').textContent,
    now: Object.fromEntries([...document.querySelectorAll('#now dd')].map(value => [value.id, value.textContent])),
    machines: [...document.querySelectorAll('#machines tbody tr')].map(row => [...row.cells].map(cell => cell.textContent)),
    held: [...document.querySelectorAll('#held td')].map(cell => cell.textContent),
    scripts: document.querySelectorAll('script, iframe, object, img, form').length,
    background: getComputedStyle(document.body).backgroundColor,
    layers: document.querySelectorAll('svg polygon').length,
    overflows: document.documentElement.scrollWidth > innerWidth,
  }));
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  const first = await page.$('#machines a, a[href^="/docs"]');
  if (first) {
    await first.click();
    await page.waitForLoadState();
    seen[name].followed = [page.url(), await page.title()];
    await page.screenshot({ path: `${folder}/${name}-followed.png` });
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify({ seen, bad }));
