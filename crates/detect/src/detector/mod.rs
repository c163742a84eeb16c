//! The detectors: one file each, one line here, one rule file in `data/findings/` for each id they use.

pub(crate) mod absence;
pub(crate) mod beacon;
pub(crate) mod carried;
pub(crate) mod conduct;
pub(crate) mod contact;
pub(crate) mod disclosure;
pub(crate) mod egress;
pub(crate) mod exposure;
pub(crate) mod lateral;
pub(crate) mod login;
pub(crate) mod loss;
pub(crate) mod malformed;
pub(crate) mod mismatch;
pub(crate) mod novelty;
pub(crate) mod offer;
pub(crate) mod radio;
pub(crate) mod rogue;
pub(crate) mod silence;
pub(crate) mod storage;

use crate::tally::Tally;
use inventory::Renewed;

/// Most different matters that one detector keeps. Our limit; later ones are not judged, which
/// [`crate::Judge::dropped`] counts and a blind spot tells.
pub(crate) const MATTERS_MAX: usize = 1 << 13;

/// The matters that are still known after a renewal: those whose `key` still is, and that were seen lately.
pub(crate) fn renew<K: Ord, V>(
    table: &mut std::collections::BTreeMap<K, V>,
    renewed: &Renewed,
    key: impl Fn(K) -> Option<K>,
    tally: impl Fn(&mut V) -> &mut Tally,
) {
    for (old, mut matter) in std::mem::take(table) {
        let seen = tally(&mut matter);
        if renewed.renewal.keeps(seen.last)
            && let Some(new) = key(old)
        {
            seen.renew();
            table.insert(new, matter);
        }
    }
}

/// The entry of `key`, new where there is room; none over [`MATTERS_MAX`].
pub(crate) fn entry<'a, K: Ord, V: Default>(
    table: &'a mut std::collections::BTreeMap<K, V>,
    key: K,
    dropped: &mut u64,
) -> Option<&'a mut V> {
    if table.len() >= MATTERS_MAX && !table.contains_key(&key) {
        *dropped += 1;
        return None;
    }
    Some(table.entry(key).or_default())
}
