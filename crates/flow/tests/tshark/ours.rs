//! Our side: the whole chain over one capture, and the fields of its messages.

use crate::Counts;
use crate::rows::computed;
use model::{Coverage, Observation, Observed};
use std::path::Path;
use std::sync::Arc;

/// Counts the fields of `path`, and checks that every frame was accounted for.
pub(crate) fn read(path: &Path) -> Counts {
    let options = ingest::Options { hash: false, ..ingest::Options::default() };
    let mut captures = ingest::Captures::open(&[ingest::Input::Path(path.to_owned())], &options).unwrap();
    let options = Arc::new(flow::Options {
        wants_message: Arc::new(|_| true),
        redaction: flow::Redaction::Show,
        ..flow::Options::default()
    });
    let ids = 0..u8::try_from(flow::SHARDS).unwrap();
    let mut shards: Vec<_> = ids.map(|id| flow::Shard::new(id, options.clone())).collect();
    let (mut batch, mut out, mut counts) = (ingest::Batch::new(), Vec::new(), Counts::new());
    while captures.fill(&mut batch) {
        for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
            let decoded = flow::decode(&frame);
            shards[decoded.shard()].push(order, &frame, &decoded, &mut out);
        }
        out.drain(..).for_each(|observation| count(&observation, &mut counts));
    }
    let mut coverage = Coverage::default();
    for shard in &mut shards {
        shard.finish(&mut out);
        coverage.add(&shard.coverage());
    }
    out.drain(..).for_each(|observation| count(&observation, &mut counts));
    let frames: u64 = captures.summaries().iter().map(|summary| summary.frames).sum();
    let accounted = coverage.frames_decoded + coverage.frames_undecoded + coverage.frames_fault;
    assert_eq!((coverage.frames, accounted), (frames, frames), "{}: frames lost", path.display());
    assert_eq!(coverage.parser_panics, 0, "{}: a parser failed", path.display());
    counts
}

fn count(observation: &Observation, counts: &mut Counts) {
    let Observed::Message(message) = &observation.observed else { return };
    let mut add =
        |field: String, value: String| *counts.entry(field).or_default().entry(value).or_default() += 1;
    for (field, value) in &message.fields {
        add(format!("{}.{}", message.schema.protocol, field.name), value.to_string());
    }
    for (name, value) in computed(message) {
        add(name.to_owned(), value);
    }
}
