/** Dark or light: as the system says, or as somebody chose on this machine. `public/theme.js` sets it before the first paint. */
export type Theme = "system" | "light" | "dark";

const KEY = "lazaret.theme";

class Chosen {
  theme = $state<Theme>(read());

  choose(theme: Theme): void {
    this.theme = theme;
    if (theme === "system") {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(KEY, theme);
      document.documentElement.dataset.theme = theme;
    }
  }

  /** The other one of the two that show now. */
  turn(): void {
    const dark = this.theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : this.theme === "dark";
    this.choose(dark ? "light" : "dark");
  }
}

function read(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export const theme = new Chosen();
