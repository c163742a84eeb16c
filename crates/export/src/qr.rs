//! QR codes: short text for a sticker or a screen.
//!
//! The code itself is made by the crate `qrcode` (ISO/IEC 18004); writing its modules as SVG or as characters is ours. Error
//! correction is of level M (15 %), the usual one for stickers.

use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Modules of white around a code: ISO/IEC 18004 asks for four.
const QUIET: usize = 4;
/// Height of a line of text below a code, in modules.
const LINE: usize = 3;

/// Size of that text, in modules.
const LETTER: usize = 2;

/// A text does not fit into a QR code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} bytes do not fit into a QR code")]
pub struct QrError(usize);

/// The modules of a code with the white around it: rows of dark or not.
fn modules(text: &str) -> Result<Vec<Vec<bool>>, QrError> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M);
    let code = code.map_err(|_| QrError(text.len()))?;
    let side = code.width() + 2 * QUIET;
    let white = vec![false; side];
    let mut rows = vec![white.clone(); QUIET];
    for row in code.to_colors().chunks(code.width()) {
        let dark = row.iter().map(|color| *color == Color::Dark);
        rows.push([false; QUIET].into_iter().chain(dark).chain([false; QUIET]).collect());
    }
    rows.extend(vec![white; QUIET]);
    Ok(rows)
}

/// The code as an SVG of its own, with lines for people below it.
///
/// # Errors
/// [`QrError`] where the text is too long.
pub fn svg(text: &str, below: &[String]) -> Result<String, QrError> {
    let rows = modules(text)?;
    let (side, height) = (rows.len(), rows.len() + LINE * below.len());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {height}\" width=\"{}mm\" height=\"{}mm\" \
         shape-rendering=\"crispEdges\">\n<rect width=\"{side}\" height=\"{height}\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
        // Half a millimetre a module, which a telephone reads from a hand's distance.
        side.div_ceil(2),
        height.div_ceil(2),
    );
    for (y, row) in rows.iter().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            let _ = write!(out, "M{x} {y}h1v1h-1z");
        }
    }
    out.push_str("\"/>\n");
    for (number, line) in below.iter().enumerate() {
        // Below the white around the code, which must stay white.
        let y = side + LINE * number + LETTER;
        let _ = writeln!(
            out,
            "<text x=\"{QUIET}\" y=\"{y}\" font-size=\"{LETTER}\" font-family=\"monospace\">{}</text>",
            escaped(line)
        );
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

/// The code as half blocks, two rows of modules in a line, bright on a dark terminal.
///
/// # Errors
/// [`QrError`] where the text is too long.
pub fn blocks(text: &str) -> Result<String, QrError> {
    let rows = modules(text)?;
    let mut out = String::new();
    for pair in rows.chunks(2) {
        let [upper, lower @ ..] = pair else { continue };
        for (x, dark) in upper.iter().enumerate() {
            let below = lower.first().and_then(|row| row.get(x)).copied().unwrap_or(true);
            out.push(match (dark, below) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[)>\u{1e}06\u{1d}12NB000Contec\u{1f}B002CMS8000\u{1f}M180https://mud.example.org/cms8000.json\u{1f}\u{1e}\u{4}";

    /// What another program's reader makes of the modules, drawn four dots wide.
    fn read_back(dark: &[Vec<bool>]) -> String {
        const DOTS: usize = 4;
        let side = dark.len() * DOTS;
        let bit = |x: usize, y: usize| dark[y / DOTS].get(x / DOTS).copied().unwrap_or(false);
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| if bit(x, y) { 0 } else { 255 });
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        found[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_gets_the_octets_out_of_both_forms() {
        let svg = svg(TEXT, &[]).unwrap();
        let side = modules(TEXT).unwrap().len();
        let mut dark = vec![vec![false; side]; side];
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        for module in path.split('M').skip(1) {
            let (x, rest) = module.split_once(' ').unwrap();
            let y = rest.strip_suffix("h1v1h-1z").unwrap();
            dark[y.parse::<usize>().unwrap()][x.parse::<usize>().unwrap()] = true;
        }
        assert_eq!(read_back(&dark), TEXT);
        let mut dark = Vec::new();
        for line in blocks(TEXT).unwrap().lines() {
            dark.push(line.chars().map(|block| matches!(block, '▄' | ' ')).collect::<Vec<_>>());
            dark.push(line.chars().map(|block| matches!(block, '▀' | ' ')).collect::<Vec<_>>());
        }
        dark.truncate(side);
        assert_eq!(read_back(&dark), TEXT);
    }

    #[test]
    fn lines_below_cannot_break_out_and_too_much_is_refused() {
        let drawn = svg("x", &["<script>\"&".to_owned()]).unwrap();
        // The text's upper edge is where the white around the code ends.
        let side = modules("x").unwrap().len();
        assert!(drawn.contains(&format!(" y=\"{}\" font-size=\"{LETTER}\"", side + LETTER)), "{drawn}");
        assert!(drawn.contains("&lt;script&gt;&quot;&amp;</text>") && !drawn.contains("<script"), "{drawn}");
        assert_eq!(
            svg(&"x".repeat(3000), &[]).unwrap_err().to_string(),
            "3000 bytes do not fit into a QR code"
        );
    }
}
