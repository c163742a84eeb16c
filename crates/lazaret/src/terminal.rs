//! What the terminal wants: width and colour.

use export::text::{Colour, Layout};
use std::ffi::OsStr;
use std::io::IsTerminal as _;

/// How to lay text out on standard output: as for a file where it is none, else by the terminal's width,
/// coloured unless `NO_COLOR` (<https://no-color.org>) is set and not empty, or the terminal is `dumb`.
pub(crate) fn layout() -> Layout {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return Layout::default();
    }
    let columns =
        terminal_size::terminal_size_of(&out).map_or(Layout::default().columns, |(w, _)| w.0.into());
    Layout {
        columns,
        colour: colour(std::env::var_os("NO_COLOR").as_deref(), std::env::var_os("TERM").as_deref()),
    }
}

fn colour(no_color: Option<&OsStr>, term: Option<&OsStr>) -> Colour {
    let refused = no_color.is_some_and(|value| !value.is_empty());
    let unable = term.is_none_or(|value| value == "dumb");
    if refused || unable { Colour::Off } else { Colour::On }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_honours_no_color_and_dumb_terminals() {
        let of = |no_color: Option<&str>, term: Option<&str>| {
            colour(no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert_eq!(of(None, Some("xterm-256color")), Colour::On);
        assert_eq!(of(Some(""), Some("xterm")), Colour::On);
        assert_eq!(of(Some("1"), Some("xterm")), Colour::Off);
        assert_eq!(of(None, Some("dumb")), Colour::Off);
        assert_eq!(of(None, None), Colour::Off);
    }
}
