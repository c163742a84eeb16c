//! Cuts the frames of a finding out of captures: three readings, on one thread.
//!
//! The first tells which file is which capture of the report, by its hash; the second which connections the frames
//! belong to; the third reads these and keeps them.

use crate::exit::{Failure, with_causes};
use flow::{Cutting, Excerpt, SHARDS, Shard};
use ingest::{Batch, Captures, Input};
use model::{CaptureSummary, Coverage, Evidence, Frame};
use std::path::PathBuf;
use std::sync::Arc;

/// Where frames are read from.
pub(crate) struct Source {
    inputs: Vec<Input>,
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
        Ok(Self { inputs })
    }

    /// Hands out every frame in merged order, and says what was read.
    fn read(&self, mut each: impl FnMut(u64, &Frame<'_>)) -> Result<Vec<CaptureSummary>, Failure> {
        // With hashes: captures of one name are told apart by them, and must be numbered the same each time.
        let options = ingest::Options::default();
        let mut captures = Captures::open(&self.inputs, &options)?;
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
        self.read(|_, _| {})
    }

    /// The frames that `wanted` names and what is needed to read them, redacted, and what of all flows that were read
    /// for it was seen.
    pub(crate) fn cut(&self, wanted: Vec<Evidence>) -> Result<(Cutting, Coverage), Failure> {
        let mut excerpt = Excerpt::new(wanted);
        self.read(|_, frame| excerpt.look(frame, &flow::decode(frame)))?;
        if let Some(Evidence { capture, frame }) = excerpt.missing().next() {
            return Err(Failure::Usage(format!(
                "frame {frame} of capture number {capture} is not in it, though its hash is right: the report was \
                 made by another version, or changed"
            )));
        }
        let options = flow::Options {
            witness: Some(excerpt.witness()),
            keeper: Some(excerpt.keeper()),
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
        Ok((excerpt.finish(), coverage))
    }
}
