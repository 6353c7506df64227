// Judges messages to Slack by the types of Slack's own package for TypeScript: slack-types.mjs FILE…
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { judge } from "./judge.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const tsc = path.join(here, "node_modules/typescript/bin/tsc");
const settings = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--ignoreConfig", "--pretty", "false"];
// So many lines stand before the message in what is compiled.
const BEFORE = 6;
// Written out in place: only then does the compiler refuse keys that the types do not have.
const source = (message) => `import type { KnownBlock, MessageAttachment } from "@slack/types";
type Attachment = Omit<MessageAttachment, "blocks"> & { blocks?: KnownBlock[] };
export const message: {
  text: string; blocks?: KnownBlock[]; attachments?: Attachment[]; thread_ts?: string; mrkdwn?: boolean; channel?: string;
  unfurl_links?: boolean; unfurl_media?: boolean; reply_broadcast?: boolean;
} =
${message};
`;

// What is no JSON is not compiled.
function faultsIn(folder, files) {
  const faults = [];
  const sources = [];
  for (const [n, file] of files.entries()) {
    const message = readFileSync(file, "utf8");
    try {
      JSON.parse(message);
    } catch (error) {
      faults.push(`${file}: not JSON: ${error.message}`);
      continue;
    }
    sources.push(path.join(folder, `${n}.ts`));
    writeFileSync(sources.at(-1), source(message));
  }
  if (sources.length === 0) return faults;
  try {
    execFileSync(process.execPath, [tsc, ...settings, ...sources], { cwd: folder, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    if (!error.stdout) throw error;
    const lines = error.stdout.trimEnd().split("\n");
    faults.push(...lines.map((line) => line.replace(/^(\d+)\.ts\((\d+)/, (_, n, at) => `${files[n]}(${at - BEFORE}`)));
  }
  return faults;
}

await judge((...files) => {
  // Beside node_modules, where the compiler looks for the types.
  const folder = realpathSync(mkdtempSync(path.join(here, "node_modules/.slack-")));
  try {
    return faultsIn(folder, files);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
