//! Letting go of what is long over, so that a sensor that runs for months does not fill its tables.
//!
//! A renewal ends one stretch of time and begins the next: what is counted begins anew. What is *known* does not: a
//! matter must be told the same whether it is looked at in one stretch or in many. So only that is forgotten which
//! nothing goes on with and which was not heard for long. Where a table is nearly full there is no room for that: then
//! flows that are alive stay, with their exchanges, stations and beds; the stations that were heard in the stretch that
//! ends, with their traits; and claims of addresses made in it.
//!
//! A flow that lives through a renewal counts in the stretch in which it began; its frames and bytes count in the one in
//! which it ends. A station that is only remembered is no asset of a report until something is heard of it again.

use crate::bed::ContextId;
use crate::exchange::{EXCHANGES_MAX, Exchange, ExchangeId};
use crate::learn::Inventory;
use crate::station::{CALLERS_MAX, STATIONS_MAX, Station, StationId};
use model::CaptureTime;
use std::collections::BTreeSet;

/// What a renewal keeps beside what goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Renewal {
    /// When it is.
    pub now: CaptureTime,
    /// What was heard since this moment is known on.
    pub since: CaptureTime,
    /// Tables are nearly full: of what was heard, the stations alone are known on.
    pub crowded: bool,
}

impl Renewal {
    /// Whether what nothing goes on with, and was heard last at `last`, is known on.
    #[must_use]
    pub fn keeps(&self, last: CaptureTime) -> bool {
        !self.crowded && last >= self.since
    }
}

/// Where everything is after a renewal.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// What was kept.
    pub renewal: Renewal,
    /// Numbers of the beds that are known on.
    pub beds: BTreeSet<u32>,
    stations: Vec<Option<StationId>>,
    exchanges: Vec<Option<ExchangeId>>,
}

impl Renewed {
    /// What a station is called now; none where it was forgotten.
    #[must_use]
    pub fn station(&self, id: StationId) -> Option<StationId> {
        self.stations.get(id.index()).copied().flatten()
    }

    /// What an exchange is called now; none where it was forgotten.
    #[must_use]
    pub fn exchange(&self, id: ExchangeId) -> Option<ExchangeId> {
        self.exchanges.get(id.index()).copied().flatten()
    }
}

impl Inventory {
    /// Begins a new stretch of time, and says where everything is now.
    pub fn renew(&mut self, renewal: Renewal) -> Renewed {
        self.flows.clear_ended();
        self.counted.renew();
        let alive: BTreeSet<StationId> =
            self.flows.all().flat_map(|flow| [flow.client, flow.server]).collect();
        let exchanges = self.renew_exchanges(renewal);
        let stations = self.renew_stations(&alive, renewal);
        let mut renewed = Renewed { renewal, beds: BTreeSet::new(), stations, exchanges };
        self.exchanges.rename_stations(|id| renewed.station(id));
        for flow in self.flows.all_mut() {
            flow.client = renewed.station(flow.client).unwrap_or(StationId::NONE);
            flow.server = renewed.station(flow.server).unwrap_or(StationId::NONE);
            flow.exchange = renewed.exchange(flow.exchange).unwrap_or(ExchangeId::NONE);
        }
        self.offers.rename(|id| renewed.exchange(id));
        let contexts: BTreeSet<ContextId> = self.flows.all().flat_map(|flow| flow.contexts).collect();
        let since = if renewal.crowded { CaptureTime::MAX } else { renewal.since };
        renewed.beds = self.beds.renew(&contexts, since, |id| renewed.station(id));
        let known: BTreeSet<_> = self.stations.all().iter().filter_map(|row| row.mac).collect();
        self.neighbours.renew(renewal.since, &known);
        self.traits_dropped = 0;
        self.exchanges.dropped = 0;
        self.flows.dropped = 0;
        renewed
    }

    /// Whether a table is so full that it is time to let go.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        let three_quarters = |held: usize, most: usize| held >= most / 4 * 3;
        three_quarters(self.stations.all().len(), STATIONS_MAX)
            || three_quarters(self.stations.callers(), CALLERS_MAX)
            || three_quarters(self.exchanges.all().len(), EXCHANGES_MAX)
            || self.beds.is_crowded()
    }

    /// Keeps exchanges with flows that live, and those that were heard.
    fn renew_exchanges(&mut self, renewal: Renewal) -> Vec<Option<ExchangeId>> {
        let alive: BTreeSet<ExchangeId> = self.flows.all().map(|flow| flow.exchange).collect();
        let old = self.exchanges.take();
        let mut map = vec![None; old.len()];
        for ((at, mut row), place) in (0..).zip(old).zip(&mut map) {
            if alive.contains(&ExchangeId(at)) || renewal.keeps(row.last) {
                row.renew(renewal.now);
                *place = Some(self.exchanges.add(row));
            }
        }
        map
    }

    /// Keeps stations of flows that live and of exchanges that are known, and those that were heard.
    fn renew_stations(&mut self, alive: &BTreeSet<StationId>, renewal: Renewal) -> Vec<Option<StationId>> {
        let known = |row: &Exchange| [row.client, row.server];
        let known: BTreeSet<StationId> = self.exchanges.all().iter().flat_map(known).collect();
        let old = self.stations.take();
        let mut map = vec![None; old.len()];
        for ((at, mut row), place) in (0..).zip(old).zip(&mut map) {
            let id = StationId(at);
            let goes_on = alive.contains(&id);
            if !goes_on && !known.contains(&id) && !row.was_heard(renewal) {
                continue;
            }
            row.renew();
            row.asleep = if goes_on { None } else { row.asleep.or(Some(renewal.now)) };
            *place = Some(self.stations.add(row, &self.site.networks));
        }
        let moved = |id: StationId| map.get(id.index()).copied().flatten();
        let ends: Vec<_> = self.exchanges.all().iter().map(|row| (row.client, row.server)).collect();
        for (client, server) in ends {
            if let Some(row) = moved(client).and_then(|id| self.stations.row_mut(id)) {
                row.servers += 1;
            }
            if let Some(row) = moved(server).and_then(|id| self.stations.row_mut(id)) {
                row.clients += 1;
            }
        }
        map
    }
}

impl Station {
    /// Who others are with is counted anew, by the exchanges that are known on.
    const fn renew(&mut self) {
        (self.clients, self.servers) = (0, 0);
    }

    /// Whether it was heard, or at least addressed, so lately that it is known on.
    fn was_heard(&self, renewal: Renewal) -> bool {
        match (self.sent, self.asleep) {
            (Some(sent), _) if sent.last >= renewal.since => true,
            // It never sent: how long nobody spoke to it is known in whole stretches.
            (None, slept) => !renewal.crowded && slept.is_none_or(|since| since > renewal.since),
            _ => false,
        }
    }
}
