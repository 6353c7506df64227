// Chromium, for the judges that show something in it.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { NotHere } from "./judge.mjs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// What `look` gives for an empty page of this size.
export async function inChromium(viewport, look) {
  const executablePath = PLACES.find(existsSync);
  if (!executablePath) throw new NotHere(`Chromium is not installed: there is none of ${PLACES.join(", ")}`);
  const browser = await chromium.launch({ executablePath, args: ARGS });
  try {
    return await look(await browser.newPage({ viewport }));
  } finally {
    await browser.close();
  }
}
