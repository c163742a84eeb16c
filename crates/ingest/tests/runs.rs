//! Runs over several inputs: order, names, folders, files that come and go.

#![expect(clippy::unwrap_used, reason = "a test: what fails must stop it")]

use ingest::write::{PcapWriter, Resolution};
use ingest::{Batch, CaptureError, Captures, Input, NamedReader, Options};
use model::{CaptureTime, Frame, LinkType};
use std::fs;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A capture of frames with these times; each frame's byte is its number.
fn pcap(times: &[i64]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos).unwrap();
    for (number, nanos) in (1u64..).zip(times) {
        let (time, link, bytes) = (CaptureTime::from_nanos(*nanos), LinkType::Ethernet, &[number as u8][..]);
        writer.write(&Frame { capture: 0, number, time, link, original_bytes: 1, bytes }).unwrap();
    }
    writer.finish().unwrap()
}

/// (capture, number, time) of every frame, in merged order.
fn order(captures: &mut Captures) -> Vec<(u32, u64, i64)> {
    let (mut batch, mut all) = (Batch::new(), Vec::new());
    while captures.fill(&mut batch) {
        assert_eq!(batch.first_order(), all.len() as u64);
        for frame in batch.frames() {
            assert_eq!(frame.bytes, [frame.number as u8]);
            all.push((frame.capture, frame.number, frame.time.nanos()));
        }
    }
    all
}

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-ingest-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(paths: &[&Path], options: Options) -> Captures {
    let inputs: Vec<_> = paths.iter().map(|path| Input::from_argument(path)).collect();
    Captures::open(&inputs, &options).unwrap()
}

fn names(captures: &mut Captures) -> Vec<String> {
    captures.summaries().into_iter().map(|summary| summary.name).collect()
}

#[test]
fn captures_are_merged_by_time_then_capture_and_keep_their_own_order() {
    let reader = |name: &str, times: &[i64]| -> NamedReader {
        (name.to_owned(), Box::new(Cursor::new(pcap(times))) as Box<dyn Read + Send>)
    };
    let readers = vec![reader("b", &[1, 5, 3, 9]), reader("c", &[]), reader("a", &[5, 6, 9])];
    let mut captures = Captures::from_readers(readers, &Options::default());
    assert_eq!(
        order(&mut captures),
        [(1, 1, 1), (0, 1, 5), (1, 2, 5), (1, 3, 3), (0, 2, 6), (0, 3, 9), (1, 4, 9)]
    );
    assert_eq!(names(&mut captures), ["a", "b", "c"]);
}

#[test]
fn many_files_give_the_same_order_as_few_open_at_once() {
    let folder = Folder::new("many");
    let mut expected = Vec::new();
    for at in 0..40i64 {
        let times: Vec<_> = (0..20).map(|step| at * 100 + step * 9).collect();
        folder.write(&format!("part-{at:02}.pcap"), &pcap(&times));
        expected.extend((1u64..).zip(times).map(|(number, time)| (time, at as u32, number)));
    }
    expected.sort_unstable();
    let expected: Vec<_> =
        expected.into_iter().map(|(time, capture, number)| (capture, number, time)).collect();
    for open_max in [1000, 4] {
        let mut captures = open(&[&folder.0], Options { open_max, ..Options::default() });
        assert_eq!(order(&mut captures), expected);
        assert!(captures.rejected().is_empty());
        let progress = captures.progress();
        assert_eq!(Some(progress.read), progress.total);
        for summary in captures.summaries() {
            assert_eq!(summary.frames, 20);
            assert!(summary.sha256.is_some());
        }
    }
}

#[test]
fn more_overlapping_files_than_may_be_open_are_rejected_by_name() {
    let folder = Folder::new("overlap");
    for name in ["a", "b", "c"] {
        folder.write(name, &pcap(&[1, 2, 3]));
    }
    let mut captures = open(&[&folder.0], Options { open_max: 2, ..Options::default() });
    assert_eq!(order(&mut captures).len(), 6);
    let rejected = captures.rejected();
    assert_eq!(rejected.len(), 1);
    assert!(matches!(rejected[0].error, CaptureError::TooManyOpen { open: 2, .. }));
    assert!(rejected[0].error.to_string().contains("mergecap"));
    assert_eq!(names(&mut captures), ["a", "b", "c"]);
    assert_eq!(captures.summaries()[2].faults.len(), 1);
}

#[test]
fn folders_are_searched_by_content_and_in_depth() {
    let folder = Folder::new("folder");
    folder.write("b/deep/er/z.txt", &pcap(&[3]));
    folder.write("a.pcap", &pcap(&[1]));
    folder.write("notes.pcap", b"these are notes");
    folder.write("empty.pcap", b"");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&folder.0, folder.0.join("b/loop")).unwrap();
    let mut captures = open(&[&folder.0], Options::default());
    assert_eq!(order(&mut captures), [(0, 1, 1), (1, 1, 3)]);
    assert_eq!(names(&mut captures), ["a.pcap", "z.txt"]);
    assert!(captures.rejected().is_empty());
    let skipped: Vec<_> = captures.skipped().iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(skipped, ["empty.pcap", "notes.pcap"]);
}

#[test]
fn what_cannot_be_read_is_rejected_and_the_others_are_read() {
    let folder = Folder::new("rejected");
    let good = folder.write("good.pcap", &pcap(&[1]));
    let empty = folder.write("empty.pcap", b"");
    let notes = folder.write("notes.pcap", b"these are notes");
    let bare = folder.write("bare/notes", b"no capture here").parent().unwrap().to_owned();
    let missing = folder.0.join("missing.pcap");
    let mut captures = open(&[&missing, &empty, &notes, &bare, &good], Options::default());
    assert_eq!(order(&mut captures), [(0, 1, 1)]);
    let rejected: Vec<_> = captures.rejected().iter().map(|each| each.name.as_str()).collect();
    assert_eq!(rejected, ["missing.pcap", "empty.pcap", "notes.pcap", "bare"]);
    let error = &captures.rejected()[0].error;
    assert!(matches!(error, CaptureError::Open { source, .. } if source.kind() == ErrorKind::NotFound));
}

#[test]
fn equal_names_are_ordered_by_hash_whatever_order_they_were_named_in() {
    let folder = Folder::new("names");
    let one = folder.write("one/ward.pcap", &pcap(&[1, 2]));
    let two = folder.write("two/ward.pcap", &pcap(&[3]));
    let hashes = |first: &Path, second: &Path, hash| {
        let mut captures = open(&[first, second], Options { hash, ..Options::default() });
        let seen = order(&mut captures);
        let summaries = captures.summaries();
        assert!(summaries.windows(2).all(|pair| pair[0].sha256 <= pair[1].sha256));
        (seen, summaries.iter().map(|summary| (summary.sha256, summary.bytes)).collect::<Vec<_>>())
    };
    let forth = hashes(&one, &two, true);
    assert_eq!(forth, hashes(&two, &one, true));
    assert!(forth.1.iter().all(|(sha256, _)| sha256.is_some()));
    let by_size = hashes(&one, &two, false);
    assert_eq!(by_size, hashes(&two, &one, false));
    assert_eq!(by_size.1[0].0, None);
    assert!(by_size.1[0].1 < by_size.1[1].1);
}

#[test]
fn a_file_named_twice_is_read_once() {
    let folder = Folder::new("twice");
    let path = folder.write("ward.pcap", &pcap(&[1, 2]));
    let mut captures = open(&[&path, &folder.0, &path], Options::default());
    assert_eq!(order(&mut captures).len(), 2);
    assert!(captures.rejected().is_empty(), "{:?}", captures.rejected());
}

#[test]
fn a_long_merge_splits_into_batches_without_loss() {
    let frames: Vec<i64> = (0..200_000).collect();
    let mut writers =
        [(); 2].map(|()| PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos).unwrap());
    for nanos in &frames {
        let (number, time) = (1, CaptureTime::from_nanos(*nanos));
        let frame =
            Frame { capture: 0, number, time, link: LinkType::Ethernet, original_bytes: 0, bytes: b"" };
        writers[(*nanos % 2) as usize].write(&frame).unwrap();
    }
    let readers = writers
        .map(|writer| -> NamedReader { ("x".to_owned(), Box::new(Cursor::new(writer.finish().unwrap()))) });
    let mut captures = Captures::from_readers(readers.into(), &Options::default());
    let (mut batch, mut seen, mut batches) = (Batch::new(), Vec::new(), 0);
    while captures.fill(&mut batch) {
        batches += 1;
        seen.extend(batch.frames().map(|frame| frame.time.nanos()));
    }
    assert_eq!(seen, frames);
    assert!(batches > 5, "{batches} batches");
}

#[test]
fn nothing_named_and_standard_input_twice_are_errors() {
    assert!(matches!(Captures::open(&[], &Options::default()), Err(CaptureError::NoInput)));
    let twice = [Input::from_argument(Path::new("-")), Input::Stdin];
    assert!(matches!(Captures::open(&twice, &Options::default()), Err(CaptureError::StdinTwice)));
}
