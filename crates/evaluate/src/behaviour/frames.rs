//! Wards of `simulate`, frame by frame, through the flow stage: the same rules on what a capture would show.

use detect::{DataError, Judgement};
use flow::{SHARDS, Shard};
use inventory::Site;
use model::{CaptureTime, Coverage, Frame, LinkType, Observation, Report};
use simulate::Ward;
use std::sync::Arc;

/// Why a ward could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum FramesError {
    /// The compiled-in data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The ward.
    #[error("the ward cannot be written")]
    Ward(#[from] std::io::Error),
}

/// What a judgement makes of `ward`.
///
/// # Errors
/// [`FramesError`] where the ward cannot be.
pub fn judged(ward: &Ward, site: Site) -> Result<Report, FramesError> {
    let mut judgement = Judgement::new(site)?;
    let options = Arc::new(flow::Options::default());
    let mut shards: Vec<Shard> = (0..).take(SHARDS).map(|id| Shard::new(id, Arc::clone(&options))).collect();
    let mut out: Vec<Observation> = Vec::new();
    let mut number = 0;
    let mut take = |time: CaptureTime, bytes: &[u8]| -> std::io::Result<()> {
        number += 1;
        let original_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let frame = Frame { capture: 0, number, time, link: LinkType::Ethernet, original_bytes, bytes };
        let decoded = flow::decode(&frame);
        if let Some(shard) = shards.get_mut(decoded.shard()) {
            shard.push(number, &frame, &decoded, &mut out);
        }
        out.drain(..).for_each(|observation| judgement.observe(&observation));
        Ok(())
    };
    ward.write(&mut take, &mut |_| ())?;
    let mut coverage = Coverage::default();
    for shard in &mut shards {
        shard.finish(&mut out);
        out.drain(..).for_each(|observation| judgement.observe(&observation));
        coverage.add(&shard.coverage());
    }
    Ok(judgement.finish(Vec::new(), coverage))
}
