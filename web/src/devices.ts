/** Devices as rows of a table. */
import type { AssetRow } from "./api/shapes";
import { shown, spaced, capital } from "./format";

export const COLUMNS = ["device", "class", "addresses", "firmware", "serial", "confidence", "first", "last", "findings"] as const;
export type Column = (typeof COLUMNS)[number];
/** Always there: it has the link. */
export const fixed: Column = "device";
const USUAL: readonly Column[] = ["device", "class", "addresses", "firmware", "last", "findings"];
const KEY = "lazaret.devices.columns";

/** What one calls it: maker and model, else its kind, else its first address. */
export function deviceName(asset: Pick<AssetRow, "maker" | "model" | "class" | "addresses" | "id">): string {
  const product = [asset.maker, asset.model].filter(Boolean).join(" ");
  if (product) return shown(product);
  return asset.class ? capital(shown(spaced(asset.class))) : shown(asset.addresses[0] ?? asset.id);
}

/** Columns that were chosen on this machine; the usual ones where none were. */
export function readColumns(kept: string | null): readonly Column[] {
  const names = (kept ?? "").split(",");
  const known = COLUMNS.filter((column) => column === fixed || names.includes(column));
  return known.length > 1 ? known : USUAL;
}

export const keptColumns = () => readColumns(localStorage.getItem(KEY));
export const storeColumns = (columns: readonly Column[]) => localStorage.setItem(KEY, columns.join(","));
