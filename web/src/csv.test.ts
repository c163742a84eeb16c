import { expect, test } from "vitest";
import { csv } from "./csv";

test("commas, quotes and line ends stay within their cell", () => {
  expect(csv(["a", "b"], [["x,y", 'say "hi"'], ["two\nlines", 3]])).toBe('a,b\r\n"x,y","say ""hi"""\r\n"two\nlines",3\r\n');
});

test("no cell becomes a formula", () => {
  expect(csv(["name"], [["=HYPERLINK(1)"], ["@SUM"], ["+1"], ["-1"], ["a=b"]])).toBe(
    "name\r\n'=HYPERLINK(1)\r\n'@SUM\r\n'+1\r\n'-1\r\na=b\r\n",
  );
});
