// Shows a page in Chromium, cut off from every network, and takes its picture: page.mjs FILE.html OUT.png [WIDTH]
// Faults are errors of the page, requests for anything outside of it, and content that is wider than the window.
import { readFileSync } from "node:fs";
import { inChromium } from "./chromium.mjs";
import { judge } from "./judge.mjs";

const ADDRESS = "http://page.example/";

await judge((file, picture, width = "800") =>
  inChromium({ width: Number(width), height: 600 }, async (page) => {
    const faults = [];
    const body = readFileSync(file);
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
    await page.route("**", (route) => {
      const url = route.request().url();
      if (url === ADDRESS) return route.fulfill({ contentType: "text/html; charset=utf-8", body });
      if (!url.endsWith("/favicon.ico")) faults.push(`asks for ${url}`);
      return route.abort();
    });
    await page.goto(ADDRESS);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) faults.push(`${wide} pixels wider than the window of ${width}`);
    await page.screenshot({ path: picture, fullPage: true });
    return faults;
  }),
);
