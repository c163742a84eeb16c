//! Golden captures: `testdata/captures/<protocol>/<case>.{toml,pcap,expected}`.
//!
//! The `.toml` is the recipe that made the `.pcap` (see [`made`]); the `.expected` holds what Lazaret reads of that
//! protocol in it, a line each: frame, side, and a message or a fact. Nothing of other protocols and no totals, so that
//! a golden changes only when its subject does. A case that is added is tested here without a line of code:
//! write its recipe and run `cargo xtask golden`, then read what it wrote.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod made;

use made::Recipe;
use model::{Fact, FlowId, Observation, Observed, Origin, Side};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest golden capture, in bytes. Ours: they live in the repository.
const CAPTURE_BYTES_MAX: usize = 16 << 10;
/// Set to `write` by `cargo xtask golden`.
const WRITE: &str = "LAZARET_GOLDEN";

/// Every recipe, in the order of their names.
fn recipes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/captures");
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let mut files: Vec<_> = below(&folder).iter().flat_map(|protocol| below(protocol)).collect();
    files.sort();
    for file in &files {
        for part in ["toml", "pcap", "expected"] {
            assert!(
                std::env::var(WRITE).is_ok() || file.with_extension(part).exists(),
                "{}: its .{part} is missing; run `cargo xtask golden`",
                file.display()
            );
        }
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    files
}

/// What is read of `protocol` in the capture at `path`.
fn read(path: &Path, protocol: &str) -> String {
    let mut captures =
        ingest::Captures::open(&[ingest::Input::Path(path.to_owned())], &ingest::Options::default()).unwrap();
    let options = Arc::new(flow::Options { wants_message: Arc::new(|_| true), ..flow::Options::default() });
    let ids = 0..u8::try_from(flow::SHARDS).unwrap();
    let mut shards: Vec<_> = ids.map(|id| flow::Shard::new(id, Arc::clone(&options))).collect();
    let (mut batch, mut seen) = (ingest::Batch::new(), Vec::new());
    while captures.fill(&mut batch) {
        for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
            let decoded = flow::decode(&frame);
            shards[decoded.shard()].push(order, &frame, &decoded, &mut seen);
        }
    }
    shards.iter_mut().for_each(|shard| shard.finish(&mut seen));
    // What ends with the capture is told by one shard after the other.
    seen.sort_by_key(|observation| observation.order);
    let mut speaks = BTreeMap::new();
    let mut text = String::new();
    for observation in &seen {
        if let Some(said) = said(observation, protocol, &mut speaks) {
            let side = match observation.origin {
                Origin::Flow(_, Side::Client) => "client",
                Origin::Flow(_, Side::Server) => "server",
                Origin::Link { .. } => "link",
            };
            writeln!(text, "{} {side} {said}", observation.evidence.frame).unwrap();
        }
    }
    text
}

/// What an observation says, if it is of `protocol`.
fn said(
    observation: &Observation,
    protocol: &str,
    speaks: &mut BTreeMap<FlowId, &'static str>,
) -> Option<String> {
    match (&observation.observed, observation.origin) {
        (Observed::Message(message), _) if message.schema.protocol == protocol => {
            let field =
                |(field, value): &(&model::Field, model::Value)| format!("{protocol}.{}={value}", field.name);
            Some(message.fields.iter().map(field).collect::<Vec<_>>().join(" "))
        }
        (Observed::Fact(Fact::FlowOpened(_)), Origin::Flow(flow, _)) => {
            speaks.remove(&flow);
            None
        }
        // How a conversation begins and ends is no protocol's.
        (Observed::Fact(Fact::FlowEnded(_) | Fact::Answered | Fact::Refused), _) => None,
        (Observed::Fact(fact), Origin::Flow(flow, _)) => {
            if let Fact::Speaks(name) = fact {
                speaks.insert(flow, name);
            }
            (speaks.get(&flow) == Some(&protocol)).then(|| match fact {
                Fact::Carried(file) => format!(
                    "Carried({:?} {} whole={} {:?} {:?})",
                    file.path, file.bytes, file.whole, file.sha256, file.kind
                ),
                other => format!("{other:?}"),
            })
        }
        _ => None,
    }
}

/// The first line in which two texts differ.
fn difference(want: &str, got: &str) -> Option<String> {
    let lines = want.lines().count().max(got.lines().count());
    let (mut want, mut got) = (want.lines(), got.lines());
    (1..=lines).map(|number| (number, want.next(), got.next())).find(|(_, want, got)| want != got).map(
        |(number, want, got)| {
            format!("line {number}\n  want {}\n  got  {}", want.unwrap_or("(end)"), got.unwrap_or("(end)"))
        },
    )
}

#[test]
fn every_golden_capture_reads_as_expected() {
    let (recipes, write) = (recipes(), std::env::var(WRITE).is_ok_and(|value| value == "write"));
    assert!(!recipes.is_empty(), "no golden captures were found");
    let mut wrong = Vec::new();
    for path in recipes {
        let recipe: Recipe = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(recipe.patients, "invented", "{}", path.display());
        assert!(recipe.about.ends_with('.'), "{}: `about` is a sentence", path.display());
        let protocol = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(wire::proto::by_name(protocol).is_some(), "`{protocol}` is no protocol");
        let (capture, expected) = (path.with_extension("pcap"), path.with_extension("expected"));
        if write {
            fs::write(&capture, recipe.make()).unwrap();
            fs::write(&expected, read(&capture, protocol)).unwrap();
        }
        let bytes = fs::metadata(&capture).unwrap().len();
        assert!(bytes <= CAPTURE_BYTES_MAX as u64, "{} has {bytes} bytes", capture.display());
        let want = fs::read_to_string(&expected).unwrap();
        assert!(want.contains(&format!(" {protocol}.")), "{} has no message", expected.display());
        let differs = difference(&want, &read(&capture, protocol));
        wrong.extend(differs.map(|how| format!("{}: {how}", expected.display())));
    }
    assert!(wrong.is_empty(), "{}\n`cargo xtask golden` writes what is read now", wrong.join("\n"));
}

#[test]
fn a_recipe_is_followed_to_the_frame() {
    let recipe = |text: &str| toml::from_str::<Recipe>(text).unwrap().make();
    let head = "about = \"A.\"\npatients = \"invented\"\n";
    let datagram = "[[datagram]]\nfrom = \"192.0.2.1:50000\"\nto = \"192.0.2.2:69\"\nhex = \"00 01\"\n";
    let one = recipe(&format!("{head}{datagram}"));
    assert_eq!(one.len(), 24 + 16 + 14 + 20 + 8 + 2);
    assert_eq!(one[one.len() - 2..], [0, 1]);
    let ward = |keep: &str| {
        let ward = "[ward]\nscenarios = [\"leak\"]\nseed = 1\nmonitors = 1\nminutes = 0.1\n";
        recipe(&format!("{head}{ward}[keep]\n{keep}"))
    };
    assert_eq!(ward("host = \"192.0.2.77\"").len(), 24, "nobody has this address");
    let (five, six) = (ward("port = 515\nframes = 5"), ward("port = 515\nframes = 6"));
    assert!(six.starts_with(&five) && six.len() > five.len());
}

#[test]
fn the_first_difference_is_shown_and_equal_texts_have_none() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(difference("a\nb\n", "a\n").unwrap(), "line 2\n  want b\n  got  (end)");
    assert_eq!(difference("a\n", "c\n").unwrap(), "line 1\n  want a\n  got  c");
}
