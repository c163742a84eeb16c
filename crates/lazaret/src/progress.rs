//! Progress on standard error, only where that is a terminal and nobody said `--quiet`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

/// How often the bar is drawn at most, per second.
const DRAWS_PER_SECOND: u8 = 8;
/// How often the clock of the bar goes on by itself.
const TICK: Duration = Duration::from_millis(250);

/// Whether to show progress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    /// Where standard error is a terminal.
    OnTerminal,
    /// Never.
    Never,
}

/// A bar, or nothing.
pub(crate) struct Bar {
    bar: ProgressBar,
    with_total: bool,
}

impl Bar {
    /// A bar over bytes.
    pub(crate) fn start(show: Show) -> Self {
        let hidden = show == Show::Never || !std::io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {bytes} {msg} {elapsed}"));
        if !hidden {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, with_total: false }
    }

    /// So many bytes of so many, and in words what was seen.
    pub(crate) fn at(&mut self, bytes: u64, total: Option<u64>, words: impl FnOnce(Duration) -> String) {
        if self.bar.is_hidden() {
            return;
        }
        if let Some(total) = total {
            self.bar.set_length(total);
            if !self.with_total {
                self.with_total = true;
                self.bar
                    .set_style(style("[{bar:30}] {percent:>3}% {bytes} of {total_bytes} {msg} {eta} left"));
            }
        }
        self.bar.set_position(bytes);
        self.bar.set_message(words(self.bar.elapsed()));
    }

    /// Time since it started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are our own constants; a fault in one would only cost the looks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Frames per second, in words.
pub(crate) fn rate(frames: u64, elapsed: Duration) -> String {
    let per_second = frames as f64 / elapsed.as_secs_f64().max(0.001);
    if per_second >= 1e6 {
        format!("{:.1} M frames/s", per_second / 1e6)
    } else if per_second >= 1e3 {
        format!("{:.0} k frames/s", per_second / 1e3)
    } else {
        format!("{per_second:.0} frames/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_like_prose() {
        assert_eq!(rate(3_400_000, Duration::from_secs(2)), "1.7 M frames/s");
        assert_eq!(rate(42_000, Duration::from_secs(1)), "42 k frames/s");
        assert_eq!(rate(7, Duration::from_secs(1)), "7 frames/s");
    }
}
