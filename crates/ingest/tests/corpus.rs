//! The corpus of captures made by others: counts against the manifest, frames against `pcap-parser`, times
//! against capinfos.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: what fails must stop it"
)]

use ingest::{Batch, Captures, Input, Options};
use model::CaptureSummary;
use pcap_parser::{PcapBlockOwned, PcapError, create_reader};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Captures whose count is not the manifest's, with the reason.
const EXCEPTIONS: &[(&str, u64, &str)] = &[(
    "suricata-verify__bug-6875-01__fuzz.pcap",
    1,
    "the second record claims 1409179648 bytes. tshark then guesses another record layout and shows a frame \
     of the year 1925 with 1 of 1048576 bytes; tcpdump stops after one frame as we do",
)];

fn corpus() -> Option<PathBuf> {
    match std::env::var_os("LAZARET_CORPUS") {
        Some(path) => Some(PathBuf::from(path)),
        None if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("LAZARET_CORPUS is not set, and CI may not skip this")
        }
        None => {
            println!("skipped: LAZARET_CORPUS is not set");
            None
        }
    }
}

/// Path and count of packets of every capture of the manifest.
fn manifest(corpus: &Path) -> Vec<(PathBuf, u64)> {
    let text = std::fs::read_to_string(corpus.join("MANIFEST.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| pcap/"));
    rows.map(|row| {
        let path = row.trim_start_matches("| ").split(" | ").next().unwrap();
        let (before, _) = row.split_once(" packets").unwrap_or_else(|| panic!("no count in {row}"));
        let count = before.rsplit(' ').next().unwrap();
        (corpus.join(path), count.parse().unwrap_or_else(|_| panic!("`{count}` in {row}")))
    })
    .collect()
}

/// Time, captured bytes and original length of every frame, and the summary.
fn read(path: &Path) -> (Vec<(i64, Vec<u8>, u32)>, CaptureSummary) {
    let mut captures = Captures::open(&[Input::Path(path.to_owned())], &Options::default()).unwrap();
    assert!(captures.rejected().is_empty(), "{}: {:?}", path.display(), captures.rejected());
    let mut batch = Batch::new();
    let mut frames = Vec::new();
    while captures.fill(&mut batch) {
        frames.extend(batch.frames().map(|f| (f.time.nanos(), f.bytes.to_vec(), f.original_bytes)));
    }
    (frames, captures.summaries().remove(0))
}

#[test]
fn frame_counts_are_those_of_the_manifest() {
    let Some(corpus) = corpus() else { return };
    let captures = manifest(&corpus);
    assert!(captures.len() > 200, "only {} captures in the manifest", captures.len());
    let mut wrong = Vec::new();
    for (path, expected) in captures {
        let (frames, summary) = read(&path);
        assert_eq!(frames.len() as u64, summary.frames);
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected =
            EXCEPTIONS.iter().find(|(file, ..)| *file == name).map_or(expected, |(_, count, _)| *count);
        if summary.frames != expected {
            wrong.push(format!(
                "{name}: {} frames, expected {expected}, {:?}",
                summary.frames, summary.faults
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What `pcap-parser` finds: captured bytes and original length.
fn oracle(path: &Path) -> Vec<(Vec<u8>, u32)> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::bufread::MultiGzDecoder::new(std::io::BufReader::new(file)).read_to_end(&mut bytes).unwrap();
    } else {
        std::io::BufReader::new(file).read_to_end(&mut bytes).unwrap();
    }
    let Ok(mut reader) = create_reader(1 << 22, &bytes[..]) else { return Vec::new() };
    let mut frames = Vec::new();
    loop {
        let used = match reader.next() {
            Ok((used, block)) => {
                use pcap_parser::Block::{EnhancedPacket, SimplePacket};
                match block {
                    PcapBlockOwned::Legacy(frame) => frames.push((frame.data.to_vec(), frame.origlen)),
                    PcapBlockOwned::NG(EnhancedPacket(block)) => {
                        frames.push((block.data[..block.caplen as usize].to_vec(), block.origlen));
                    }
                    PcapBlockOwned::NG(SimplePacket(block)) => {
                        let bytes = block.data[..(block.origlen as usize).min(block.data.len())].to_vec();
                        frames.push((bytes, block.origlen));
                    }
                    _ => {}
                }
                used
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() || reader.reader_exhausted() {
                    return frames;
                }
                0
            }
            Err(_) => return frames,
        };
        reader.consume(used);
    }
}

#[test]
fn frames_are_those_that_pcap_parser_reads() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for (path, _) in manifest(&corpus) {
        let (frames, summary) = read(&path);
        let expected = oracle(&path);
        let ours: Vec<_> = frames.into_iter().map(|(_, bytes, original)| (bytes, original)).collect();
        let raised = summary.faults.iter().any(|fault| fault.what.contains("were captured of a frame"));
        let same = ours.len() == expected.len()
            && ours.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (a.1 == b.1 || raised));
        assert!(same, "{}: {} and {} frames", path.display(), ours.len(), expected.len());
        compared += ours.len();
    }
    println!("{compared} frames are equal");
    assert!(compared > 10_000);
}

/// `1495451029.466717` in nanoseconds; `None` where capinfos has no time, prints a negative
/// fraction, or names a year beyond 2262.
fn nanos(text: &str) -> Option<i64> {
    let (seconds, below) = text.split_once('.')?;
    if below.starts_with('-') || below.len() > 9 {
        return None;
    }
    let scale = 10i64.pow(9 - u32::try_from(below.len()).unwrap());
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(below.parse::<i64>().ok()? * scale)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "capinfos is the oracle")]
fn first_and_last_times_are_those_of_capinfos() {
    let Some(corpus) = corpus() else { return };
    let paths: Vec<_> = manifest(&corpus).into_iter().map(|(path, _)| path).collect();
    let mut command = std::process::Command::new("capinfos");
    let Ok(output) = command.args(["-T", "-r", "-m", "-S", "-a", "-e"]).args(&paths).output() else {
        assert!(std::env::var("CI").is_err(), "capinfos (package wireshark-common) is not installed");
        println!("skipped: capinfos is not installed");
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let [path, first, last] = line.rsplitn(3, ',').collect::<Vec<_>>().try_into().map(reversed).unwrap();
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        // Simple packets have no time, and capinfos then gives none for the whole file.
        let (Some(first), Some(last)) = (nanos(first), nanos(last)) else {
            println!("no time by capinfos: {line}");
            continue;
        };
        let (_, summary) = read(Path::new(path));
        let ours = (summary.first.unwrap().nanos(), summary.last.unwrap().nanos());
        if ours != (first, last) {
            wrong.push(format!("{name}: {ours:?}, capinfos {:?}", (first, last)));
        }
        compared += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 200, "only {compared} compared");
}

fn reversed<T>([a, b, c]: [T; 3]) -> [T; 3] {
    [c, b, a]
}
