// The page of `agent trace --html` in a real browser: it asks the network for nothing, complains of nothing, and on a
// wide and a narrow screen, light and dark, what it shows is in sight. AGENT_PAGE names it; pictures are put beside it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const { default: chromium } = await import(pathToFileURL(require.resolve("@sparticuz/chromium")));
const { default: puppeteer } = await import(pathToFileURL(require.resolve("puppeteer-core")));

const path = process.env.AGENT_PAGE;
const browser = await puppeteer.launch({
  args: chromium.args,
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
try {
  for (const [name, width, scheme] of [["wide", 1200, "light"], ["narrow", 420, "dark"]]) {
    const page = await browser.newPage();
    const trouble = [];
    page.on("console", (message) => trouble.push(message.text()));
    page.on("pageerror", (error) => trouble.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:")) trouble.push(`asks for ${request.url()}`);
    });
    await page.setViewport({ width, height: 800 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(`file://${path}`);
    const seen = await page.evaluate(() => ({
      text: document.body.innerText,
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      background: getComputedStyle(document.body).backgroundColor,
    }));
    assert.deepEqual(trouble, []);
    assert.ok(seen.overflow <= 0, `${name}: the page is ${seen.overflow} px too wide`);
    for (const words of ["Mend the failing test", "first request", "what is new", "apply_patch"]) {
      assert.ok(seen.text.includes(words), `${name}: ${words} is not shown`);
    }
    const light = seen.background.match(/\d+/g).slice(0, 3).every((part) => Number(part) > 127);
    assert.equal(light, scheme === "light", `${name}: ${seen.background} is not ${scheme}`);
    const picture = await page.screenshot({ path: `${path}.${name}.png`, fullPage: true });
    assert.ok(picture.length > 20_000, `${name}: the picture is as good as empty`);
  }
} finally {
  await browser.close();
}
console.log("trace page: two screens, as they should be");
