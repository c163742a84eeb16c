//! How often: a bucket of tries for each account, each address.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keys that are remembered at once. Our limit: beyond it the fullest buckets, which say the least, are forgotten.
const KEYS_MAX: usize = 10_000;

/// Buckets of tries. Each holds `most` and one more comes back every `refill`.
pub(crate) struct Limit<K> {
    most: f64,
    refill: Duration,
    buckets: Mutex<BTreeMap<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Ord + Clone> Limit<K> {
    pub(crate) fn new(most: u32, refill: Duration) -> Self {
        Self { most: f64::from(most), refill, buckets: Mutex::new(BTreeMap::new()) }
    }

    /// Takes a try out of the key's bucket; where there is none left, the seconds until there is.
    pub(crate) fn take(&self, key: &K, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.left(buckets.get(key), now);
        if left < 1.0 {
            let seconds = (1.0 - left) * self.refill.as_secs_f64();
            return Err(seconds.ceil().max(1.0) as u64);
        }
        if buckets.len() >= KEYS_MAX && !buckets.contains_key(key) {
            self.forget(&mut buckets, now);
        }
        buckets.insert(key.clone(), Bucket { left: left - 1.0, at: now });
        Ok(())
    }

    /// Gives a try back: it was no wrong one.
    pub(crate) fn give_back(&self, key: &K) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.left = (bucket.left + 1.0).min(self.most);
        }
    }

    fn left(&self, bucket: Option<&Bucket>, now: Instant) -> f64 {
        bucket.map_or(self.most, |bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.left + since / self.refill.as_secs_f64()).min(self.most)
        })
    }

    /// Forgets half of the buckets, the fullest ones.
    fn forget(&self, buckets: &mut BTreeMap<K, Bucket>, now: Instant) {
        let mut left: Vec<f64> = buckets.values().map(|bucket| self.left(Some(bucket), now)).collect();
        left.sort_by(f64::total_cmp);
        let median = left.get(left.len() / 2).copied().unwrap_or(self.most);
        buckets.retain(|_, bucket| self.left(Some(bucket), now) < median);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "moments are made up from one of the steady clock")]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back() {
        let limit = Limit::new(2, Duration::from_secs(10));
        let now = Instant::now();
        assert_eq!(limit.take(&"a", now), Ok(()));
        assert_eq!(limit.take(&"a", now), Ok(()));
        assert_eq!(limit.take(&"a", now), Err(10));
        assert_eq!(limit.take(&"b", now), Ok(()), "another key has its own");
        limit.give_back(&"a");
        assert_eq!(limit.take(&"a", now), Ok(()));
        assert_eq!(limit.take(&"a", now + Duration::from_secs(5)), Err(5));
        assert_eq!(limit.take(&"a", now + Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_emptiest_bucket_stays() {
        let limit = Limit::new(5, Duration::from_secs(10));
        let now = Instant::now();
        while limit.take(&0, now).is_ok() {}
        for key in 1..20_000_u32 {
            limit.take(&key, now).unwrap();
        }
        assert!(limit.buckets.lock().unwrap().len() <= KEYS_MAX);
        assert!(limit.take(&0, now).is_err());
    }
}
