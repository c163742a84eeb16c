//! Cuts the frames of a finding out of captures, or out of an evidence ring: three readings, on one thread.
//!
//! The first tells which file is which capture of the report, by its hash (of a ring: what each run of a watch left in it);
//! the second which connections the frames belong to; the third reads these and keeps them. A ring may have lost some of the
//! frames: what is there is cut, and what is not is counted.

use crate::exit::{Failure, with_causes};
use export::to_second;
use flow::{Cutting, Excerpt, SHARDS, Shard, UnitSeen};
use ingest::{Batch, Captures, EvidenceReader, Input, Run};
use model::{CaptureSummary, Coverage, Evidence, Frame};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Where frames are read from.
pub(crate) enum Source {
    /// Capture files and folders.
    Captures(Vec<Input>),
    /// An evidence ring, and the run of it that the finding is of.
    Ring(EvidenceReader, Box<Run>),
}

/// What was cut.
pub(crate) struct Cut {
    pub(crate) cutting: Cutting,
    /// What was seen of all flows that were read for it.
    pub(crate) coverage: Coverage,
    /// Frames that show the finding and are not there any more.
    pub(crate) gone: u64,
    /// Which units of protocols lie where in the frames that show it, where that was asked for.
    pub(crate) units: BTreeMap<Evidence, Vec<UnitSeen>>,
}

/// Whether units of protocols are read, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Units {
    /// The frames alone.
    Omit,
    /// Of the frames that show the finding.
    Read,
}

impl Source {
    /// Capture files and folders.
    ///
    /// # Errors
    /// [`Failure::Usage`] where one cannot be read several times.
    pub(crate) fn new(captures: &[PathBuf]) -> Result<Self, Failure> {
        let inputs: Vec<Input> = captures.iter().map(|path| Input::from_argument(path)).collect();
        if inputs.contains(&Input::Stdin) {
            return Err(Failure::Usage(
                "--capture: standard input cannot be read more than once; write it to a file".to_owned(),
            ));
        }
        Ok(Self::Captures(inputs))
    }

    /// Hands out every frame in merged order, and says what was read.
    fn read(&self, mut each: impl FnMut(u64, &Frame<'_>)) -> Result<Vec<CaptureSummary>, Failure> {
        let inputs = match self {
            Self::Captures(inputs) => inputs,
            Self::Ring(ring, run) => {
                let mut order = 0..;
                ring.read(run, |frame| order.next().into_iter().for_each(|order| each(order, frame)))?;
                return Ok(vec![run.summary.clone()]);
            }
        };
        // With hashes: captures of one name are told apart by them, and must be numbered the same each time.
        let options = ingest::Options::default();
        let mut captures = Captures::open(inputs, &options)?;
        if let Some(rejected) = captures.rejected().first() {
            return Err(Failure::Usage(format!("--capture: {}", with_causes(&rejected.error))));
        }
        let mut batch = Batch::new();
        while captures.fill(&mut batch) {
            for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
                each(order, &frame);
            }
        }
        if let Some(rejected) = captures.rejected().first() {
            return Err(Failure::Usage(format!("--capture: {}", with_causes(&rejected.error))));
        }
        Ok(captures.summaries())
    }

    /// The captures, with their hashes.
    pub(crate) fn captures(&self) -> Result<Vec<CaptureSummary>, Failure> {
        match self {
            Self::Captures(_) => self.read(|_, _| {}),
            Self::Ring(_, run) => Ok(vec![run.summary.clone()]),
        }
    }

    /// Looks for the frames that `wanted` names; how many are not there any more.
    fn find(&self, mut wanted: Vec<Evidence>) -> Result<(Excerpt, u64), Failure> {
        let mut excerpt = Excerpt::new(wanted.clone());
        self.read(|_, frame| excerpt.look(frame, &flow::decode(frame)))?;
        let missing: BTreeSet<Evidence> = excerpt.missing().collect();
        let Some(Evidence { capture, frame }) = missing.first() else { return Ok((excerpt, 0)) };
        let Self::Ring(_, run) = self else {
            return Err(Failure::Usage(format!(
                "frame {frame} of capture number {capture} is not in it, though its hash is right: the report was \
                 made by another version, or changed"
            )));
        };
        wanted.retain(|evidence| !missing.contains(evidence));
        if wanted.is_empty() {
            return Err(Failure::Usage(format!(
                "the evidence ring does not hold the frames that show it any more; of that watch on `{}` it holds {}. Give the \
                 ring more room (--ring-size, --ring-age), or cut evidence earlier",
                crate::stored::shown(&run.sensor),
                held(&run.summary)
            )));
        }
        let mut excerpt = Excerpt::new(wanted);
        self.read(|_, frame| excerpt.look(frame, &flow::decode(frame)))?;
        Ok((excerpt, missing.len() as u64))
    }

    /// The frames that `wanted` names and what is needed to read them, redacted.
    pub(crate) fn cut(&self, wanted: Vec<Evidence>, units: Units) -> Result<Cut, Failure> {
        let of: BTreeSet<Evidence> = wanted.iter().copied().collect();
        let (mut excerpt, gone) = self.find(wanted)?;
        let options = flow::Options {
            witness: Some(excerpt.witness()),
            keeper: Some(excerpt.keeper()),
            wants_message: Arc::new(move |_| units == Units::Read),
            ..flow::Options::default()
        };
        let options = Arc::new(options);
        let mut shards: Vec<Shard> =
            (0..).take(SHARDS).map(|id| Shard::new(id, Arc::clone(&options))).collect();
        let mut out = Vec::new();
        self.read(|order, frame| {
            let decoded = flow::decode(frame);
            if excerpt.offer(frame, &decoded)
                && let Some(shard) = shards.get_mut(decoded.shard())
            {
                shard.push(order, frame, &decoded, &mut out);
                out.clear();
            }
        })?;
        let mut coverage = Coverage::default();
        for shard in &mut shards {
            shard.finish(&mut out);
            out.clear();
            coverage.add(&shard.coverage());
        }
        let units = excerpt.units(&of);
        Ok(Cut { cutting: excerpt.finish(), coverage, gone, units })
    }
}

/// What is there, for people.
pub(crate) fn held(capture: &CaptureSummary) -> String {
    match (capture.first, capture.last) {
        (Some(first), Some(last)) => {
            format!("{} frames from {} to {}", capture.frames, to_second(first), to_second(last))
        }
        _ => "no frames".to_owned(),
    }
}
