// Shows Adaptive Cards with Microsoft's own renderer, in Chromium, the Markdown in them by markdown-it as the renderer's
// documentation says: cards.mjs FILE… Finds what is no part of the schema, what the renderer complains of, and whatever is more
// than text. With SCREENSHOTS=folder in the environment it leaves a picture of each there.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inChromium } from "./chromium.mjs";
import { judge } from "./judge.mjs";

const require = createRequire(import.meta.url);
const script = (name) => readFileSync(require.resolve(name), "utf8");

// Runs in the page.
function show(payload) {
  const faults = [];
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdownit().render(text);
    result.didProcess = true;
  };
  const card = new AdaptiveCards.AdaptiveCard();
  card.version = new AdaptiveCards.Version(1, 4);
  const context = new AdaptiveCards.SerializationContext();
  card.parse(payload, context);
  for (let index = 0; index < context.eventCount; index++) {
    faults.push(context.getEventAt(index).message);
  }
  for (const failure of card.validateProperties().validationEvents) {
    faults.push(failure.message);
  }
  const place = document.getElementById("card");
  place.replaceChildren(card.render());
  const markup = "a,em,strong,s,ul,ol,li,h1,h2,h3,h4,h5,h6,blockquote,pre,code,img,hr";
  for (const element of place.querySelectorAll(markup)) {
    faults.push(`${element.tagName}: ${element.textContent.slice(0, 80)}`);
  }
  return faults;
}

await judge((...files) =>
  inChromium({ width: 720, height: 900 }, async (page) => {
    await page.route("**", (route) => route.abort());
    await page.setContent('<body style="font-family: sans-serif; margin: 0"><div id="card"></div>');
    await page.addScriptTag({ content: script("adaptivecards/dist/adaptivecards.min.js") });
    await page.addScriptTag({ content: script("markdown-it/dist/markdown-it.min.js") });
    const faults = [];
    for (const file of files) {
      const message = JSON.parse(readFileSync(file, "utf8"));
      const found = await page.evaluate(show, message.attachments[0].content);
      faults.push(...found.map((fault) => `${basename(file)}: ${fault}`));
      if (process.env.SCREENSHOTS) {
        const path = join(process.env.SCREENSHOTS, `${basename(file)}.png`);
        await page.locator("#card").screenshot({ path });
      }
    }
    return faults;
  }),
);
