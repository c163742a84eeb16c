use super::*;
use crate::write::{PcapWriter, Resolution};
use crate::{Batch, Captures, NamedReader, Options};
use model::{CaptureTime, Frame, LinkType};
use std::io::Cursor;
use std::time::Duration;

const SECRET: &[u8] = b"correct horse battery staple";
const DAY: Duration = Duration::from_secs(86_400);
const LIMITS: EvidenceLimits = EvidenceLimits { bytes: RING_SIZE_MIN, age: DAY };

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-ring-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut all: Vec<_> = segments(&self.0).unwrap().map(|(_, path)| path).collect();
        all.sort();
        all
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What a frame says: its number, and text that must not be found on the disk.
fn content(number: u64, bytes: usize) -> Vec<u8> {
    format!("frame {number} of Jane Doe, 1949-04-01; ").into_bytes().into_iter().cycle().take(bytes).collect()
}

/// Frames of `bytes` each, `gap` apart, and hands their batches out.
fn batches(count: u64, bytes: usize, gap: Duration, mut each: impl FnMut(&Batch)) {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos).unwrap();
    for number in 1..=count {
        let time = CaptureTime::from_nanos(1_700_000_000_000_000_000 + number as i64 * gap.as_nanos() as i64);
        let (bytes, link) = (&content(number, bytes)[..], LinkType::Ethernet);
        let original_bytes = bytes.len() as u32;
        writer.write(&Frame { capture: 0, number, time, link, original_bytes, bytes }).unwrap();
    }
    let capture = Cursor::new(writer.finish().unwrap());
    let reader: NamedReader = ("test".to_owned(), Box::new(capture));
    let mut captures = Captures::from_readers(vec![reader], &Options::default());
    let mut batch = Batch::new();
    while captures.fill(&mut batch) {
        each(&batch);
    }
}

fn keep(folder: &Folder, count: u64, bytes: usize, gap: Duration, limits: EvidenceLimits) -> EvidenceCounts {
    let ring = Evidence::open(&folder.0, SECRET, limits).unwrap();
    let mut recorder = ring.start("eth1", "live:eth1:1", 1, Pace::Played).unwrap();
    batches(count, bytes, gap, |batch| recorder.take(batch));
    recorder.end()
}

/// Every run with the numbers of its frames; each frame is as it was.
fn read(folder: &Folder, bytes: usize) -> Vec<(Run, Vec<u64>)> {
    read_with(&unlock(&folder.0, SECRET, false).unwrap(), folder, bytes)
}

/// The same with a key that was made before, which takes its time.
fn read_with(master: &Master, folder: &Folder, bytes: usize) -> Vec<(Run, Vec<u64>)> {
    let reader = EvidenceReader::list(&folder.0, master.clone()).unwrap();
    let runs = reader.runs().unwrap();
    let frames = |run: &Run| {
        let mut numbers = Vec::new();
        reader
            .read(run, |frame| {
                assert_eq!(frame.bytes, content(frame.number, bytes));
                numbers.push(frame.number);
            })
            .unwrap();
        numbers
    };
    runs.into_iter().map(|run| (run.clone(), frames(&run))).collect()
}

fn faults(runs: &[(Run, Vec<u64>)]) -> String {
    let faults = runs.iter().flat_map(|(run, _)| &run.summary.faults);
    faults.map(|fault| format!("{}\n", fault.what)).collect()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn what_is_kept_is_read_again_by_run_and_period() {
    let folder = Folder::new("again");
    assert_eq!(keep(&folder, 1_000, 900, millis(10), LIMITS).frames, 1_000);
    let ring = Evidence::open(&folder.0, SECRET, LIMITS).unwrap();
    let mut recorder = ring.start("eth1", "live:eth1:2", 2, Pace::Played).unwrap();
    batches(10, 900, millis(1), |batch| recorder.take(batch));
    recorder.period("live:eth1:3");
    batches(10, 900, millis(1), |batch| recorder.take(batch));
    let counts = recorder.end();
    assert_eq!((counts.frames, counts.frames_lost, counts.segments), (20, 0, 2));
    let runs = read(&folder, 900);
    assert_eq!(faults(&runs), "");
    assert_eq!(runs[0].1, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(runs[0].0.periods, ["live:eth1:1".to_owned()].into());
    assert_eq!(runs[1].1.len(), 20);
    assert_eq!(runs[1].0.periods, ["live:eth1:2".to_owned(), "live:eth1:3".to_owned()].into());
    assert_eq!((runs[1].0.sensor.as_str(), runs[1].0.started.nanos()), ("eth1", 2));
    assert_eq!(runs[0].0.summary.last.unwrap().since(runs[0].0.summary.first.unwrap()), millis(9_990));
}

#[test]
fn no_byte_of_a_frame_or_the_passphrase_stands_on_the_disk() {
    let folder = Folder::new("clear");
    keep(&folder, 2_000, 900, millis(10), LIMITS);
    let mut read = 0;
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        read += bytes.len();
        for secret in [&b"Jane"[..], b"1949-04", b"frame", b"eth1", b"battery"] {
            let there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!there, "{} tells {}", path.display(), secret.escape_ascii());
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    assert!(read > 2_000 * 900);
}

#[test]
fn a_segment_that_is_cut_anywhere_reads_up_to_there() {
    let folder = Folder::new("cut");
    keep(&folder, 40, 100, millis(400), LIMITS);
    let path = folder.segments().remove(0);
    let whole = std::fs::read(&path).unwrap();
    let master = unlock(&folder.0, SECRET, false).unwrap();
    let mut before = 0;
    // Every length of the front and the first chunks, then some.
    for length in (0..700).chain((700..whole.len()).step_by(13)) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let runs = read_with(&master, &folder, 100);
        let numbers = runs.first().map_or_else(Vec::new, |(_, numbers)| numbers.clone());
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{length}");
        assert!(numbers.len() >= before, "{length}");
        before = numbers.len();
        // Where even its first chunk is cut, nobody knows whose it is.
        assert!(runs.is_empty() || faults(&runs).contains("it has no end"), "{length}: {}", faults(&runs));
    }
    assert!(before >= 36, "{before}");
}

#[test]
fn a_byte_that_is_changed_costs_its_chunk_which_is_named() {
    let folder = Folder::new("changed");
    keep(&folder, 40, 100, millis(400), LIMITS);
    let path = folder.segments().remove(0);
    let whole = std::fs::read(&path).unwrap();
    let master = unlock(&folder.0, SECRET, false).unwrap();
    for at in (0..700).chain((700..whole.len()).step_by(13)) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&path, &changed).unwrap();
        let runs = read_with(&master, &folder, 100);
        let said = faults(&runs);
        if let Some((_, numbers)) = runs.first() {
            assert!(said.contains("segment 1: chunk"), "{at}: {said}");
            // Four frames share a chunk.
            assert!(numbers.len() >= 36, "{at}: {} frames left; {said}", numbers.len());
        }
        // The front of the segment and its first chunk say whose it is: without them none of it is anybody's.
        assert!(!runs.is_empty() || at < 48 + 12 + 60, "{at}: nothing is left");
    }
}

#[test]
fn a_segment_that_is_missing_or_in_anothers_place_is_told() {
    let folder = Folder::new("missing");
    for _ in 0..4 {
        keep(&folder, 40, 100, millis(400), LIMITS);
    }
    let all = folder.segments();
    std::fs::remove_file(&all[1]).unwrap();
    let said = faults(&read(&folder, 100));
    assert_eq!(said, "segments 2 to 2 are missing\n");
    std::fs::copy(&all[0], &all[1]).unwrap();
    let runs = read(&folder, 100);
    assert!(faults(&runs).starts_with("segment 2: its front is damaged"), "{}", faults(&runs));
    assert_eq!(runs.iter().map(|(_, numbers)| numbers.len()).collect::<Vec<_>>(), [40, 40, 40]);
}

#[test]
fn another_passphrase_a_damaged_ring_and_a_second_writer_are_refused() {
    let folder = Folder::new("refused");
    let refused =
        |secret: &[u8]| Evidence::open(&folder.0, secret, LIMITS).err().map(|cause| cause.to_string());
    assert!(matches!(EvidenceReader::open(&folder.0, SECRET), Err(RingError::Absent { .. })));
    keep(&folder, 40, 100, millis(400), LIMITS);
    assert!(refused(b"another horse").unwrap().contains("another passphrase"));
    assert!(matches!(EvidenceReader::open(&folder.0, b"x"), Err(RingError::WrongKey { .. })));
    let held = Evidence::open(&folder.0, SECRET, LIMITS).unwrap();
    assert!(refused(SECRET).unwrap().contains("another process"));
    // Reading goes on meanwhile.
    assert_eq!(read(&folder, 100)[0].1.len(), 40);
    drop(held);
    let header = folder.0.join("ring");
    let whole = std::fs::read(&header).unwrap();
    for at in [0, 9, 13, 17, 20, 36, 67] {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        std::fs::write(&header, changed).unwrap();
        assert!(refused(SECRET).is_some(), "byte {at}");
    }
    std::fs::remove_file(&header).unwrap();
    // A new key would hide that the old one is lost.
    assert!(refused(SECRET).unwrap().contains("is damaged"));
}

#[test]
fn the_oldest_go_when_there_is_too_much_or_they_are_too_old() {
    let folder = Folder::new("limits");
    // 32 MiB into 16.
    let counts = keep(&folder, 32 << 10, 1_000, millis(1), LIMITS);
    assert_eq!((counts.frames, counts.frames_lost), (32 << 10, 0));
    let size: u64 = folder.segments().iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!((14 << 20..=RING_SIZE_MIN).contains(&size), "{size}");
    assert_eq!((counts.bytes, counts.segments), (size, folder.segments().len() as u64));
    let runs = read(&folder, 1_000);
    assert_eq!((*runs[0].1.last().unwrap(), faults(&runs)), (32 << 10, String::new()));

    let folder = Folder::new("age");
    // An hour of frames, ten minutes of which may be kept.
    let limits = EvidenceLimits { age: Duration::from_secs(600), ..LIMITS };
    let counts = keep(&folder, 3_600, 100, Duration::from_secs(1), limits);
    let numbers = &read(&folder, 100)[0].1;
    assert_eq!(counts.frames, 3_600);
    assert!((520..=601).contains(&numbers.len()), "{}", numbers.len());
    assert!((520..=600).contains(&counts.oldest_seconds), "{}", counts.oldest_seconds);
    assert_eq!(*numbers.last().unwrap(), 3_600);
}

#[test]
fn every_seed_and_every_crash_of_the_fuzz_target_is_read_without_harm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut read = 0;
    for folder in ["fuzz/seeds/evidence_ring", "testdata/crashes/evidence_ring"] {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten() {
            any_bytes(&std::fs::read(entry.unwrap().path()).unwrap());
            read += 1;
        }
    }
    assert!(read > 0, "no seeds");
}
