//! Measures reading: `fill CAPTURE... [--hash]`, or makes a capture: `fill --make FILE BYTES`.
//!
//! Prints process CPU time, as it stands in `/proc/self/stat`, so that a busy machine does not blur it.

use ingest::write::{PcapWriter, PcapngWriter, Resolution};
use ingest::{Batch, Captures, Input, Options};
use model::{CaptureTime, Frame, LinkType};
use std::io::{BufWriter, Error, Result};

/// User and system time of this process, in seconds (clock ticks of 10 ms).
fn cpu_seconds() -> Result<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |at: usize| after_name.split_whitespace().nth(at).and_then(|ticks| ticks.parse::<f64>().ok());
    let (user, system) =
        field(11).zip(field(12)).ok_or_else(|| Error::other("no times in /proc/self/stat"))?;
    Ok((user / 100.0, system / 100.0))
}

fn make(path: &str, bytes: u64) -> Result<()> {
    let file = BufWriter::new(std::fs::File::create(path)?);
    let ng = path.ends_with("ng");
    let (mut pcap, mut pcapng) = if ng {
        (None, Some(PcapngWriter::new(file)?))
    } else {
        (Some(PcapWriter::new(file, LinkType::Ethernet, Resolution::Nanos)?), None)
    };
    let content: Vec<u8> = (0..1514u32).map(|at| (at * 31) as u8).collect();
    let (mut written, mut number, mut noise) = (0, 0u64, 88_172_645_463_325_252u64);
    while written < bytes {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        // 60 to 1339 bytes: 700 on average.
        let length = 60 + (noise % 1280) as usize;
        number += 1;
        let time = CaptureTime::from_nanos(1_700_000_000_000_000_000 + number.cast_signed() * 10_000);
        let bytes = content.get(..length).unwrap_or_default();
        let frame = Frame {
            capture: 0,
            number,
            time,
            link: LinkType::Ethernet,
            original_bytes: length as u32,
            bytes,
        };
        if let Some(writer) = &mut pcap {
            writer.write(&frame)?;
        }
        if let Some(writer) = &mut pcapng {
            writer.write(&frame)?;
        }
        written += 16 + length as u64;
    }
    pcap.map(PcapWriter::finish).transpose()?;
    pcapng.map(PcapngWriter::finish).transpose()?;
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [make_it, path, bytes] = arguments.as_slice()
        && make_it == "--make"
    {
        return make(path, bytes.parse().map_err(Error::other)?);
    }
    let hash = arguments.iter().any(|argument| argument == "--hash");
    let inputs: Vec<Input> = arguments
        .iter()
        .filter(|argument| *argument != "--hash")
        .map(|argument| Input::from_argument(argument.as_ref()))
        .collect();
    let before = cpu_seconds()?;
    let mut captures =
        Captures::open(&inputs, &Options { hash, ..Options::default() }).map_err(Error::other)?;
    let mut batch = Batch::new();
    let (mut frames, mut bytes, mut sum) = (0u64, 0u64, 0u64);
    while captures.fill(&mut batch) {
        for frame in batch.frames() {
            frames += 1;
            bytes += frame.bytes.len() as u64;
            // Touches each frame, as any user does.
            sum = sum.wrapping_add(u64::from(frame.bytes.get(12).copied().unwrap_or_default()));
        }
    }
    let after = cpu_seconds()?;
    let (user, system) = (after.0 - before.0, after.1 - before.1);
    let on_disk = captures.progress().read;
    let cpu = user + system;
    println!("{frames} frames, {bytes} bytes in frames, {on_disk} on disk, check {sum}");
    println!(
        "{user:.2} s user + {system:.2} s system: {:.3} s per GB on disk, {:.1} ns per frame",
        cpu * 1e9 / on_disk as f64,
        cpu * 1e9 / frames as f64
    );
    for rejected in captures.rejected() {
        println!("rejected: {}", rejected.error);
    }
    for fault in captures.summaries().iter().flat_map(|summary| &summary.faults) {
        println!("fault: {fault:?}");
    }
    Ok(())
}
