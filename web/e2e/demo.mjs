// A real `lazaret demo`, for the tests of the wall.
import { spawn } from "node:child_process";
import { BINARY, WAIT_MS } from "./lazaret.mjs";

/** Starts the demo, and waits until it says where it is. */
export async function demo(...words) {
  const process = spawn(BINARY, ["demo", "--listen", "127.0.0.1:0", ...words], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const found = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo did not start:\n${said}`)), WAIT_MS);
    process.on("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${said}`)));
    process.stderr.on("data", (bytes) => {
      said += bytes;
      const link = /(http:\/\/\S+\/setup#\S+)/.exec(said)?.[1];
      if (link) {
        clearTimeout(late);
        resolve({ base: new URL(link).origin, link });
      }
    });
  });
  return {
    ...found,
    process,
    said: () => said,
    /** Ends it as Ctrl-C does; gives its exit status. */
    stop: () => new Promise((on) => (process.removeAllListeners("exit"), process.on("exit", on), process.kill("SIGINT"))),
  };
}
