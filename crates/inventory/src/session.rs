//! What clients offered when they opened encrypted sessions, by exchange.

use crate::exchange::ExchangeId;
use model::{SessionOffer, Sessions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most different offers in all. Our limit; another one is not kept, which [`Sessions::unlisted`] of its exchange counts.
pub const OFFERS_MAX: usize = 1 << 10;
/// Most different offers of one exchange. Our limit, as above.
pub const OFFERS_PER_EXCHANGE_MAX: usize = 8;

/// All offers.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    of: BTreeMap<ExchangeId, Box<Sessions>>,
    all: BTreeSet<Arc<SessionOffer>>,
}

impl Offers {
    /// The client of an exchange offers this.
    pub(crate) fn add(&mut self, exchange: ExchangeId, offer: &SessionOffer) {
        if exchange == ExchangeId::NONE {
            return;
        }
        let sessions = self.of.entry(exchange).or_default();
        if sessions.offers.contains(offer) {
            return;
        }
        let known = self.all.get(offer).cloned();
        let full = known.is_none() && self.all.len() >= OFFERS_MAX;
        if full || sessions.offers.len() >= OFFERS_PER_EXCHANGE_MAX {
            sessions.unlisted += 1;
            return;
        }
        let shared = known.unwrap_or_else(|| {
            let shared = Arc::new(offer.clone());
            self.all.insert(Arc::clone(&shared));
            shared
        });
        sessions.offers.insert(shared);
    }

    /// What the client of an exchange offered.
    pub(crate) fn of(&self, exchange: ExchangeId) -> Option<&Sessions> {
        self.of.get(&exchange).map(|sessions| &**sessions)
    }

    /// Exchanges have other ids now; what belongs to none of them is forgotten.
    pub(crate) fn rename(&mut self, renamed: impl Fn(ExchangeId) -> Option<ExchangeId>) {
        let old = std::mem::take(&mut self.of);
        self.of = old.into_iter().filter_map(|(id, sessions)| Some((renamed(id)?, sessions))).collect();
        self.all = self.of.values().flat_map(|sessions| sessions.offers.iter().cloned()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(number: usize) -> SessionOffer {
        let number = u16::try_from(number).unwrap();
        SessionOffer { suites: [number].into(), whole: true, ..SessionOffer::default() }
    }

    #[test]
    fn offers_are_kept_once_and_within_limits() {
        let mut offers = Offers::default();
        for number in 0..OFFERS_PER_EXCHANGE_MAX + 3 {
            offers.add(ExchangeId(1), &offer(number));
            offers.add(ExchangeId(1), &offer(0));
        }
        let sessions = offers.of(ExchangeId(1)).unwrap();
        assert_eq!((sessions.offers.len(), sessions.unlisted), (OFFERS_PER_EXCHANGE_MAX, 3));
        for number in 0..OFFERS_MAX + 5 {
            offers.add(ExchangeId(u32::try_from(number).unwrap() + 2), &offer(number));
        }
        assert_eq!(offers.all.len(), OFFERS_MAX);
        let last = offers.of(ExchangeId(u32::try_from(OFFERS_MAX).unwrap() + 6)).unwrap();
        assert_eq!((last.offers.len(), last.unlisted), (0, 1));
        offers.add(ExchangeId::NONE, &offer(1));
        assert!(offers.of(ExchangeId::NONE).is_none());
    }

    #[test]
    fn a_renewal_keeps_what_belongs_to_what_is_known() {
        let mut offers = Offers::default();
        offers.add(ExchangeId(1), &offer(1));
        offers.add(ExchangeId(2), &offer(2));
        offers.rename(|id| (id == ExchangeId(2)).then_some(ExchangeId(0)));
        assert_eq!(offers.of(ExchangeId(0)).unwrap().offers.first().map(|offer| offer.suites[0]), Some(2));
        assert!(offers.of(ExchangeId(1)).is_none());
        assert_eq!(offers.all.len(), 1);
    }
}
