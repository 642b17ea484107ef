import { assertEquals } from "../deps/assert.ts";
import { type IniProblem, parseIni } from "./ini_file.ts";

/** `[Section] key=value @line` of each entry. */
function entriesOf(text: string): string[] {
  return parseIni(text).sections.flatMap(({ name, entries }) =>
    entries.map(({ key, value, line }) => `[${name}] ${key}=${value} @${line}`)
  );
}

function problemsOf(text: string): readonly IniProblem[] {
  return parseIni(text).problems;
}

Deno.test("parseIni() reads both delimiters, lower-cases keys and keeps the case of sections", () => {
  const text = "[Relay]\nPort_Range = 1:2\n\n[dispatcher]\nlisten: [::1]:25060\nuri=a=b";
  assertEquals(entriesOf(text), [
    "[Relay] port_range=1:2 @2",
    "[dispatcher] listen=[::1]:25060 @5",
    "[dispatcher] uri=a=b @6",
  ]);
  assertEquals(problemsOf(text), []);
});

Deno.test("parseIni() takes ; and # for a comment only at the start of a line", () => {
  assertEquals(entriesOf("; a\n#b = 1\n[S]\n  ;c = 2\nd = e ; f # g"), ["[S] d=e ; f # g @5"]);
  assertEquals(problemsOf("; a\n# b\n#c = 1"), []);
});

Deno.test("parseIni() takes any line break and a byte order mark", () => {
  assertEquals(entriesOf("\uFEFF[S]\r\na = 1\r\nb = 2\rc = 3\n"), ["[S] a=1 @2", "[S] b=2 @3", "[S] c=3 @4"]);
});

Deno.test("parseIni() strips quotes around a whole value only", () => {
  const text = `[S]\na = '/run/socket'\nb = "x y"\nc = 'open\nd = 'x', 'y'\ne = "\nf = ''\ng = "it's"`;
  assertEquals(entriesOf(text), [
    "[S] a=/run/socket @2",
    "[S] b=x y @3",
    "[S] c='open @4",
    "[S] d='x', 'y' @5",
    '[S] e=" @6',
    "[S] f= @7",
    "[S] g=it's @8",
  ]);
});

Deno.test("parseIni() continues a value in lines indented more than its key", () => {
  const text = "[S]\na = x,\n  y,\n\n; comment\n  [::1]:25060\n b\nc = 2";
  assertEquals(entriesOf(text), ["[S] a=x, y, [::1]:25060 b @2", "[S] c=2 @8"]);
  assertEquals(problemsOf(text), []);
  assertEquals(entriesOf("[S]\n  a = 1\n  b = 2\n c = 3"), ["[S] a=1 @2", "[S] b=2 @3", "[S] c=3 @4"]);
});

Deno.test("parseIni() refuses an indented entry or section instead of making it part of the value above", () => {
  assertEquals(problemsOf("[S]\na = 1\n  b = 2\n  [Relay]"), [
    { line: 3, message: '"b" is indented, which makes it part of a above; remove the indentation' },
    { line: 4, message: '"[Relay]" is indented, which makes it part of a above; remove the indentation' },
  ]);
});

Deno.test("parseIni() joins a section that is opened again and refuses a key that is set again", () => {
  const text = "[S]\na = 1\n[T]\na = 2\n[S]\nb = 3\nA = secret";
  assertEquals(entriesOf(text), ["[S] a=1 @2", "[S] b=3 @6", "[T] a=2 @4"]);
  assertEquals(problemsOf(text), [
    { line: 7, message: "[S] a is set a second time, first in line 2; keep one of them" },
  ]);
});

Deno.test("parseIni() reports every line that it cannot read, and goes on", () => {
  const text = "early = 1\n[S]\n[Relay\nlost = 2\n[]\n[S] x\n[S]\nword\n= value\nok = 3";
  assertEquals(problemsOf(text), [
    { line: 1, message: '"early" stands outside of any [Section]' },
    { line: 3, message: 'Cannot read "[Relay" as [Section] alone on its line' },
    { line: 4, message: '"lost" stands outside of any [Section]' },
    { line: 5, message: 'Cannot read "[]" as [Section] alone on its line' },
    { line: 6, message: 'Cannot read "[S] x" as [Section] alone on its line' },
    { line: 8, message: 'Cannot read "word" as key = value' },
    { line: 9, message: "Cannot read an entry without a key; key = value is accepted" },
  ]);
  assertEquals(entriesOf(text), ["[S] ok=3 @10"]);
});

Deno.test("parseIni() keeps dots, percent signs and keys like __proto__ as they are", () => {
  assertEquals(entriesOf("[a.b]\n__proto__ = %40\nc.d[] = 1"), ["[a.b] __proto__=%40 @2", "[a.b] c.d[]=1 @3"]);
});
