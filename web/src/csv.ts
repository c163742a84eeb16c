/** Tables as files for spreadsheets (RFC 4180). */

/** Signs that make a spreadsheet take a cell for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  // Text from the wire must not become a formula of whoever opens the file.
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Has the browser keep `text` as a file. */
export function keep(name: string, kind: string, text: string): void {
  // Spreadsheets take a file for UTF-8 only where it begins with this mark.
  keepBlob(name, new Blob(["\ufeff", text], { type: kind }));
}

/** Has the browser keep `blob` as a file. */
export function keepBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
