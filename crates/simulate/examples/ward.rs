//! Writes a ward as a classic pcap (nanoseconds) with its truth beside it, to look at with other tools:
//! `cargo run -p simulate --example ward -- FILE MONITORS MINUTES SEED [SCENARIO]...`

use simulate::Ward;
use std::fs::File;
use std::io::{self, BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file")?;
    let mut ward = Ward::default();
    if let Some(monitors) = arguments.next() {
        ward.monitors = monitors.parse()?;
    }
    if let Some(minutes) = arguments.next() {
        ward.minutes = minutes.parse()?;
    }
    if let Some(seed) = arguments.next() {
        ward.seed = seed.parse()?;
    }
    ward.scenarios = arguments.map(|name| name.parse()).collect::<Result<_, _>>()?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    file.write_all(&0xA1B2_3C4D_u32.to_le_bytes())?;
    file.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
    let mut record = |time: model::CaptureTime, frame: &[u8]| -> io::Result<()> {
        let seconds = u32::try_from(time.nanos() / 1_000_000_000).map_err(io::Error::other)?;
        let nanos = u32::try_from(time.nanos() % 1_000_000_000).map_err(io::Error::other)?;
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        for word in [seconds, nanos, length, length] {
            file.write_all(&word.to_le_bytes())?;
        }
        file.write_all(frame)
    };
    let truth = ward.write(&mut record, &mut |_| ())?;
    file.flush()?;
    truth.write_json(BufWriter::new(File::create(format!("{path}.truth.json"))?))?;
    println!("{} frames, {} bytes", truth.capture.frames, truth.capture.bytes);
    Ok(())
}
