// What the judges in JavaScript share: faults go to the output, a line each, and make the exit status 1.

// A program that is not installed: the judge exits with 3. One that is there and fails is no such case.
export class NotHere extends Error {}

// Judges what the command line names by the lines that `faults` gives for it. A judge that fails itself exits with 2.
export async function judge(faults) {
  try {
    const found = await faults(...process.argv.slice(2));
    if (found.length > 0) console.log(found.join("\n"));
    process.exit(found.length > 0 ? 1 : 0);
  } catch (error) {
    if (error instanceof NotHere) {
      console.log(error.message);
      process.exit(3);
    }
    console.error(error);
    process.exit(2);
  }
}
