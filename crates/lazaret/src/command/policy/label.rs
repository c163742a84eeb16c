//! `lazaret policy label`: a sticker that names a device's MUD file (RFC 9238), made and read.

use super::read_text;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{print, shown};
use model::Mac;
use policy::{LABEL_BYTES_MAX, Label};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  lazaret policy label --mud monitor.json --maker Contec --model CMS8000 --mac 02:1b:5e:10:00:07      on this terminal
  lazaret policy label --mud monitor.json --maker Contec --model CMS8000 --format svg -o label.svg    to print
  lazaret policy label --read scanned.txt                                                             what a scanner gave
  lazaret policy show --policy monitor.json --label scanned.txt --format toml                         the file, for that device

A label holds maker, model, the URL of the MUD file and the device's link address as an SQRL code (RFC 9238). It is no proof:
anybody can print one. Nothing is fetched from the URL.

Exit status: 0 done; 2 bad usage, or the file is no MUD file or no label.";

/// Options of `policy label`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// MUD file that the label names: its URL, maker and model
    #[arg(long, value_name = "FILE", required_unless_present_any = ["url", "read"])]
    mud: Option<PathBuf>,
    /// URL of the MUD file [default: what the MUD file says]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Company or brand [default: what the MUD file says]
    #[arg(long, value_name = "NAME")]
    maker: Option<String>,
    /// Product
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Model [default: what the MUD file says]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Link address of the one device that the label is for
    #[arg(long, value_name = "MAC")]
    mac: Option<Mac>,
    /// Form of the label
    #[arg(long, value_enum, default_value_t = Form::Terminal)]
    format: Form,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read what a scanner gave of a label instead (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mud", "url", "maker", "product", "model", "mac", "output"])]
    read: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Form {
    /// A QR code of characters, and what it says
    Terminal,
    /// A QR code to print
    Svg,
    /// The octets of the code, for another program
    Text,
}

impl Options {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        if let Some(path) = &self.read {
            let (label, notes) = read_label("--read", path)?;
            print(&in_words(&label, &notes))?;
            return Ok(Status::Done);
        }
        let label = self.label()?;
        let refused = |fault: String| Failure::Usage(format!("the label: {fault}"));
        let text = label.write().map_err(|fault| refused(fault.to_string()))?;
        let out = match self.format {
            Form::Text => text,
            Form::Svg => {
                let mut below = vec![format!("{} {}", label.maker, label.model)];
                below.extend(label.mac.map(|mac| mac.to_string()));
                export::qr::svg(&text, &below).map_err(|fault| refused(fault.to_string()))?
            }
            Form::Terminal => {
                let code = export::qr::blocks(&text).map_err(|fault| refused(fault.to_string()))?;
                code + &in_words(&label, &[])
            }
        };
        write_to(self.output.as_deref(), |to| to.write_all(out.as_bytes()))?;
        Ok(Status::Done)
    }

    fn label(&self) -> Result<Label, Failure> {
        let names = match &self.mud {
            Some(path) => {
                let wrong = |what: String| Failure::Policy { path: path.clone(), what };
                policy::mud_names(&read_text("--mud", path)?).map_err(|fault| wrong(fault.to_string()))?
            }
            None => policy::MudNames::default(),
        };
        let needed = |option: &str, given: &Option<String>, said: Option<String>| {
            given.clone().or(said).ok_or_else(|| {
                Failure::Usage(format!("the MUD file does not say it: give {option} (RFC 9238 asks for it)"))
            })
        };
        Ok(Label {
            maker: needed("--maker", &self.maker, names.maker)?,
            product: self.product.clone(),
            model: needed("--model", &self.model, names.model)?,
            url: needed("--url", &self.url, names.url)?,
            mac: self.mac,
        })
    }
}

/// What a scanner gave.
pub(super) fn read_label(option: &'static str, path: &Path) -> Result<(Label, Vec<String>), Failure> {
    let failed = |cause| Failure::Read { option, path: path.to_owned(), cause };
    // One byte more than is read tells that there is more.
    let most = LABEL_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    let wrong = |what: String| Failure::Policy { path: path.to_owned(), what };
    let text = String::from_utf8(bytes).map_err(|_| wrong("is no text in UTF-8".to_owned()))?;
    Label::read(&text).map_err(|fault| wrong(fault.to_string()))
}

fn in_words(label: &Label, notes: &[String]) -> String {
    let mut out = String::new();
    let mut row = |what: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "{what:<13}{}", shown(text));
        }
    };
    row("Maker", &label.maker);
    row("Product", label.product.as_deref().unwrap_or_default());
    row("Model", &label.model);
    row("MUD file", &label.url);
    row("Link address", &label.mac.map(|mac| mac.to_string()).unwrap_or_default());
    for note in notes {
        row("Note", note);
    }
    out
}
