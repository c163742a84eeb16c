//! The header of a record.
//!
//! ```text
//! record[/segments] signals [rate[/counter[(base)]] [samples [time [date]]]]
//! file format[xper_frame][:skew][+offset] [gain[(baseline)][/units] [resolution [zero [first [checksum [block [name]]]]]]]
//! segment samples                                      instead of signals, where the record has segments
//! # comment
//! ```

/// The header does not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct HeaderFault {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is missing or wrong.
    pub what: &'static str,
}

/// A header, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Name of the record.
    pub name: String,
    /// Frames a second.
    pub rate_hz: f64,
    /// Frames, where the header tells.
    pub samples: Option<u64>,
    /// Signals; empty in a record of several segments.
    pub signals: Vec<Signal>,
    /// Segments; empty in a record of one.
    pub segments: Vec<Segment>,
}

/// A signal of a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// File that holds it.
    pub file: String,
    /// How the file writes samples.
    pub format: u16,
    /// Samples in each frame.
    pub per_frame: u32,
    /// Frames by which the file runs behind.
    pub skew: u32,
    /// Bytes before the first sample in the file.
    pub offset: u64,
    /// Codes per unit.
    pub gain: f64,
    /// Code of zero units.
    pub baseline: i32,
    /// First code, for the format of differences.
    pub first: i32,
    /// Description.
    pub name: String,
}

/// A segment of a header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Record that holds it; `~` for a gap.
    pub name: String,
    /// Frames.
    pub samples: u64,
}

/// Gain where the header gives none, in codes per unit.
const GAIN_DEFAULT: f64 = 200.0;
/// Frames a second where the header gives none.
const RATE_HZ_DEFAULT: f64 = 250.0;
/// Most samples per frame; the manual sets no limit.
const PER_FRAME_MAX: u32 = 1_024;

impl Header {
    /// Reads a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let mut lines = (1..).zip(bytes.split(|&byte| byte == b'\n')).filter_map(|(line, bytes)| {
            let text = std::str::from_utf8(bytes).ok()?.trim();
            (!text.is_empty() && !text.starts_with('#')).then_some((line, text))
        });
        let (line, first) = lines.next().ok_or(HeaderFault { line: 1, what: "no record line" })?;
        let fault = |what| HeaderFault { line, what };
        let mut words = first.split_whitespace();
        let record = words.next().ok_or(fault("no name"))?;
        let (name, segments) = match record.split_once('/') {
            Some((name, count)) => {
                (name, Some(count.parse::<usize>().map_err(|_| fault("count of segments"))?))
            }
            None => (record, None),
        };
        let signals: usize =
            words.next().and_then(|word| word.parse().ok()).ok_or(fault("count of signals"))?;
        let rate_hz = match words.next() {
            Some(word) => leading_number(word).ok_or(fault("sampling rate"))?,
            None => RATE_HZ_DEFAULT,
        };
        if !(rate_hz.is_finite() && rate_hz > 0.0) {
            return Err(fault("sampling rate"));
        }
        let samples = match words.next() {
            Some(word) => Some(word.parse().map_err(|_| fault("count of samples"))?),
            None => None,
        };
        let mut header = Self {
            name: name.to_owned(),
            rate_hz,
            samples: samples.filter(|&samples| samples > 0),
            signals: Vec::new(),
            segments: Vec::new(),
        };
        for (line, text) in lines.take(segments.unwrap_or(signals)) {
            if segments.is_some() {
                header.segments.push(segment(text).ok_or(HeaderFault { line, what: "segment" })?);
            } else {
                header.signals.push(signal(text).map_err(|what| HeaderFault { line, what })?);
            }
        }
        if header.signals.len().max(header.segments.len()) < segments.unwrap_or(signals) {
            return Err(fault("fewer lines than it announces"));
        }
        Ok(header)
    }
}

fn segment(text: &str) -> Option<Segment> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    // A segment is a file beside the header, never elsewhere.
    if name.contains('/') {
        return None;
    }
    Some(Segment { name: name.to_owned(), samples: words.next()?.parse().ok()? })
}

fn signal(text: &str) -> Result<Signal, &'static str> {
    let mut words = text.split_whitespace();
    let file = words.next().ok_or("no file")?;
    if file.contains('/') {
        return Err("the file is in another folder");
    }
    let coding = words.next().ok_or("no format")?;
    let (format, more) = split_digits(coding);
    let mut signal = Signal {
        file: file.to_owned(),
        format: format.parse().map_err(|_| "format")?,
        per_frame: 1,
        skew: 0,
        offset: 0,
        gain: GAIN_DEFAULT,
        baseline: 0,
        first: 0,
        name: String::new(),
    };
    let mut more = more;
    while let Some(mark) = more.chars().next() {
        let (digits, rest) = split_digits(more.get(1..).unwrap_or_default());
        match mark {
            'x' => signal.per_frame = digits.parse().map_err(|_| "samples per frame")?,
            ':' => signal.skew = digits.parse().map_err(|_| "skew")?,
            '+' => signal.offset = digits.parse().map_err(|_| "byte offset")?,
            _ => return Err("format"),
        }
        more = rest;
    }
    if signal.per_frame == 0 || signal.per_frame > PER_FRAME_MAX {
        return Err("samples per frame");
    }
    let mut baseline = None;
    if let Some(word) = words.next() {
        let gain = leading_number(word).ok_or("gain")?;
        signal.gain = if gain == 0.0 { GAIN_DEFAULT } else { gain };
        if let Some((_, rest)) = word.split_once('(') {
            let (number, _) = rest.split_once(')').ok_or("baseline")?;
            baseline = Some(number.parse().map_err(|_| "baseline")?);
        }
    }
    let _resolution = words.next();
    let zero = number(words.next(), "zero of the converter")?;
    signal.baseline = baseline.unwrap_or(zero);
    signal.first = match words.next() {
        Some(word) => word.parse().map_err(|_| "first value")?,
        None => zero,
    };
    let _checksum = words.next();
    let _block = words.next();
    signal.name = words.collect::<Vec<_>>().join(" ");
    Ok(signal)
}

fn number(word: Option<&str>, what: &'static str) -> Result<i32, &'static str> {
    word.map_or(Ok(0), |word| word.parse().map_err(|_| what))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|mark: char| !mark.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The number that `word` begins with.
fn leading_number(word: &str) -> Option<f64> {
    let end = word.find(|mark: char| !mark.is_ascii_digit() && !"+-.eE".contains(mark)).unwrap_or(word.len());
    word.get(..end)?.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_two_signals_in_one_file_reads() {
        let text = b"# made for this test\nrec7 2 360 650000 12:00:00 01/02/1980\nrec7.dat 212 200 11 1024 995 -22131 0 MLII\n\nrec7.dat 212 100(12)/mV 11 1024 1011 0 0 V 5\n# 69 M\n";
        let header = Header::parse(text).unwrap();
        assert_eq!((header.name.as_str(), header.rate_hz, header.samples), ("rec7", 360.0, Some(650_000)));
        assert_eq!((header.signals[0].gain, header.signals[0].baseline), (200.0, 1024));
        assert_eq!((header.signals[1].gain, header.signals[1].baseline), (100.0, 12));
        assert_eq!((header.signals[1].name.as_str(), header.signals[1].first), ("V 5", 1011));
    }

    #[test]
    fn samples_per_frame_skew_and_offset_read_in_any_combination() {
        let header = Header::parse(b"m 2 125/25(3) 10\nm.dat 212x4:2+512 2963.77/mV\nm.dat 16+7\n").unwrap();
        let first = &header.signals[0];
        assert_eq!((first.format, first.per_frame, first.skew, first.offset), (212, 4, 2, 512));
        assert_eq!((header.signals[1].offset, header.signals[1].gain), (7, 200.0));
    }

    #[test]
    fn segments_and_gaps_read() {
        let header = Header::parse(b"s/3 3 125 54\ns_layout 0\n~ 25\ns_1 29\n").unwrap();
        assert_eq!(header.segments[1], Segment { name: "~".into(), samples: 25 });
        assert!(header.signals.is_empty());
    }

    #[test]
    fn faults_name_the_line() {
        let what = |text: &[u8]| Header::parse(text).unwrap_err().to_string();
        assert_eq!(what(b""), "line 1: no record line");
        assert_eq!(what(b"\n\nr x"), "line 3: count of signals");
        assert_eq!(what(b"r 1 0 5\nf 16\n"), "line 1: sampling rate");
        assert_eq!(what(b"r 1 360 5\n../f 16\n"), "line 2: the file is in another folder");
        assert_eq!(what(b"r 1 360 5\nf 212y4\n"), "line 2: format");
        assert_eq!(what(b"r 2 360 5\nf 16\n"), "line 1: fewer lines than it announces");
        assert_eq!(what(b"r/1 2 360 5\na/b 16\n"), "line 2: segment");
    }
}
