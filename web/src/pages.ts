/** The pages of the console: one row each. A page is loaded when it is first opened. */
import type { Component } from "svelte";
import type { Role } from "./api/shapes";
import type { IconName } from "./parts/Icon.svelte";
import { words } from "./words";

export interface Page {
  /** Path with `:parameters`. */
  path: string;
  /** Loads the component; it gets `parameters`. Pages with the same loader share one component, which stays. */
  // Pages without parameters do not declare any, which only `any` allows.
  load: () => Promise<{ default: Component<any> }>;
  /** Its title, as the browser's tab and the navigation have it. */
  title: string;
  /** In the navigation, with the letter after `g` that goes there. */
  nav?: { icon: IconName; key: string };
  /** Role without which it does not open. */
  least?: Role;
  /** Fills the whole window, without the navigation: the wall. */
  bare?: boolean;
}

const findings = () => import("./pages/Findings.svelte");

export const pages: readonly Page[] = [
  { path: "/", load: () => import("./pages/Overview.svelte"), title: words.nav.overview, nav: { icon: "overview", key: "o" } },
  { path: "/findings", load: findings, title: words.nav.findings, nav: { icon: "findings", key: "f" } },
  { path: "/findings/:id", load: findings, title: words.nav.findings },
  { path: "/devices", load: () => import("./pages/Devices.svelte"), title: words.nav.devices, nav: { icon: "devices", key: "d" } },
  { path: "/devices/:id", load: () => import("./pages/Device.svelte"), title: words.nav.devices },
  { path: "/wall", load: () => import("./wall/Wall.svelte"), title: words.nav.wall, nav: { icon: "wall", key: "w" }, least: "clinical", bare: true },
  { path: "/wall/:id", load: () => import("./wall/Bed.svelte"), title: words.nav.wall, least: "clinical", bare: true },
  { path: "/map", load: () => import("./pages/Map.svelte"), title: words.nav.map, nav: { icon: "map", key: "m" } },
  { path: "/captures", load: () => import("./pages/Captures.svelte"), title: words.nav.captures, nav: { icon: "captures", key: "c" } },
  { path: "/audit", load: () => import("./pages/Audit.svelte"), title: words.nav.audit, nav: { icon: "audit", key: "a" }, least: "analyst" },
  { path: "/containment", load: () => import("./pages/Containment.svelte"), title: words.nav.containment, nav: { icon: "containment", key: "n" } },
  { path: "/reports", load: () => import("./pages/Reports.svelte"), title: words.nav.reports, nav: { icon: "reports", key: "r" } },
  { path: "/sensors", load: () => import("./pages/Sensors.svelte"), title: words.nav.sensors, nav: { icon: "sensors", key: "s" } },
  { path: "/settings", load: () => import("./pages/Settings.svelte"), title: words.nav.settings, nav: { icon: "settings", key: "t" } },
  { path: "/account", load: () => import("./pages/Account.svelte"), title: words.nav.account },
];
