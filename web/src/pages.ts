/** The pages of the console: one row each. A page is loaded when it is first opened. */
import type { Component } from "svelte";
import type { Parameters } from "./route";

export interface Page {
  /** Path with `:parameters`. */
  path: string;
  /** Loads the component; it gets `parameters`. */
  load: () => Promise<{ default: Component<{ parameters: Parameters }> }>;
  /** Fills the whole window, without the navigation: the wall. */
  bare?: boolean;
}

export const pages: readonly Page[] = [];
