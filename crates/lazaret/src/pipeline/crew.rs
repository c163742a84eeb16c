//! Several workers of a sensor: the frames of one batch, each for its shard, on as many threads.
//!
//! ```text
//! batch ── whose is each frame? ── shards of group 0 │ … │ group n ──► told, judged with the next batch
//! ```
//! A group is the shards whose number leaves the group's number as remainder, and takes its frames in their order. What the groups
//! tell of a batch is judged frame by frame, so that what is learnt does not depend on who worked, and while the groups
//! work on the next batch, where there is one.

use super::pool::in_order;
use crate::exit::Failure;
use crate::live::Tap;
use detect::Judgement;
use flow::Shard;
use ingest::Batch;
use model::Observation;
use rayon::prelude::*;
use std::ops::Range;

/// Who judges, and who is shown what was judged.
pub(super) struct Judging<'a> {
    pub(super) judgement: &'a mut Judgement,
    pub(super) tap: Option<&'a mut Tap>,
}

impl Judging<'_> {
    /// Judges what the groups told, frame by frame.
    fn judge(&mut self, told: &mut [Vec<Observation>]) {
        let Self { judgement, tap } = self;
        in_order(told, |observation| {
            judgement.observe(observation);
            if let Some(tap) = tap {
                tap.see(judgement, observation);
            }
        });
        told.iter_mut().for_each(Vec::clear);
        if let Some(tap) = tap {
            tap.publish(judgement);
        }
    }
}

/// The workers, and what they told.
pub(super) struct Crew {
    threads: rayon::ThreadPool,
    /// Number of the shard of each frame.
    owners: Vec<usize>,
    /// What each group told of the frames before, which nobody has judged yet.
    told: Vec<Vec<Observation>>,
    /// Room for what each tells next.
    telling: Vec<Vec<Observation>>,
    /// Whether something is to be judged.
    behind: bool,
}

impl Crew {
    /// So many workers, who begin with no more privileges than this thread has.
    ///
    /// # Errors
    /// Where the system has no room for their threads.
    pub(super) fn new(workers: usize) -> Result<Self, Failure> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|number| format!("worker {number}"))
            .build()
            .map_err(|cause| Failure::Usage(format!("--workers: {cause}")))?;
        let told = || (0..workers).map(|_| Vec::new()).collect();
        Ok(Self { threads, owners: Vec::new(), told: told(), telling: told(), behind: false })
    }

    /// Gives the frames at these places to their shards, and what was told before to `judging`.
    pub(super) fn push(
        &mut self,
        batch: &Batch,
        places: Range<usize>,
        shards: &mut [Shard],
        judging: &mut Judging<'_>,
    ) {
        let Self { threads, owners, told, telling, behind } = self;
        if places.is_empty() {
            return;
        }
        let mut groups: Vec<Vec<&mut Shard>> = told.iter().map(|_| Vec::new()).collect();
        let count = groups.len();
        for (number, shard) in shards.iter_mut().enumerate() {
            if let Some(group) = groups.get_mut(number % count) {
                group.push(shard);
            }
        }
        owners.clear();
        owners.resize(places.len(), 0);
        let (owners, first) = (owners.as_mut_slice(), places.start);
        let each = places.len().div_ceil(count);
        threads.install(|| {
            owners.par_chunks_mut(each).enumerate().for_each(|(part, owners)| {
                let frames = batch.frames().skip(first + part * each);
                for (owner, frame) in owners.iter_mut().zip(frames) {
                    *owner = flow::decode(&frame).shard();
                }
            });
            let owners = &*owners;
            let work = || {
                groups.par_iter_mut().zip(telling.par_iter_mut()).enumerate().for_each(
                    |(number, (group, out))| {
                        for (place, frame) in batch.frames().enumerate().skip(first).take(owners.len()) {
                            let Some(owner) =
                                owners.get(place - first).filter(|owner| **owner % count == number)
                            else {
                                continue;
                            };
                            if let Some(shard) = group.get_mut(owner / count) {
                                let order = batch.first_order() + place as u64;
                                shard.push(order, &frame, &flow::decode(&frame), out);
                            }
                        }
                    },
                );
            };
            rayon::join(work, || {
                if *behind {
                    judging.judge(told);
                }
            });
        });
        std::mem::swap(told, telling);
        *behind = true;
    }

    /// Judges what is not judged yet.
    pub(super) fn settle(&mut self, judging: &mut Judging<'_>) {
        if std::mem::take(&mut self.behind) {
            judging.judge(&mut self.told);
        }
    }

    /// Gives memory back while nothing is to be done.
    pub(super) fn free_spare(&mut self) {
        self.owners = Vec::new();
        for out in self.telling.iter_mut().chain(self.told.iter_mut().filter(|told| told.is_empty())) {
            *out = Vec::new();
        }
    }
}
