//! Letting go of what was told, so that a sensor that runs for months does not fill its tables.
//!
//! A renewal ends one stretch of time and begins the next: counts begin anew, and what nothing goes on with is
//! forgotten. What is still known is known on: flows that are alive, with their exchanges, stations and beds; the
//! stations that were heard in the stretch that ends, with their traits; claims of addresses made in it.
//!
//! A flow that lives through a renewal counts as one flow of either stretch; its frames and bytes count in the one in
//! which it ends. A station that is only remembered is no asset until something is heard of it again.

use crate::bed::ContextId;
use crate::exchange::{EXCHANGES_MAX, Exchange, ExchangeId};
use crate::learn::Inventory;
use crate::station::{CALLERS_MAX, STATIONS_MAX, Station, StationId};
use model::CaptureTime;
use std::collections::BTreeSet;

/// Places of a table before a renewal to places after it.
type Moved<Id> = Vec<Option<Id>>;

fn moved<Id: Copy>(map: &Moved<Id>, place: usize) -> Option<Id> {
    map.get(place).copied().flatten()
}

impl Inventory {
    /// Begins a new stretch of time at `now`; the one that ends began at `begun`. Gives the numbers of the beds that
    /// are still known.
    pub fn renew(&mut self, begun: CaptureTime, now: CaptureTime) -> BTreeSet<u32> {
        self.flows.clear_ended();
        let exchanges = self.renew_exchanges(now);
        let used = self.stations_in_use();
        let stations = self.renew_stations(&used, begun);
        self.exchanges.rename_stations(|id| moved(&stations, id.index()));
        for flow in self.flows.all_mut() {
            let station = |id: StationId| moved(&stations, id.index()).unwrap_or(StationId::NONE);
            flow.client = station(flow.client);
            flow.server = station(flow.server);
            flow.exchange = moved(&exchanges, flow.exchange.index()).unwrap_or(ExchangeId::NONE);
        }
        let contexts: BTreeSet<ContextId> = self.flows.all().flat_map(|flow| flow.contexts).collect();
        let beds = self.beds.renew(&contexts, |id| moved(&stations, id.index()));
        let known: BTreeSet<_> = self.stations.all().iter().filter_map(|row| row.mac).collect();
        self.neighbours.renew(begun, &known);
        self.traits_dropped = 0;
        self.exchanges.dropped = 0;
        self.flows.dropped = 0;
        beds
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

    /// Keeps exchanges with flows that live; those are their flows now.
    fn renew_exchanges(&mut self, now: CaptureTime) -> Moved<ExchangeId> {
        let mut alive = vec![0_u64; self.exchanges.all().len()];
        for flow in self.flows.all() {
            if let Some(count) = alive.get_mut(flow.exchange.index()) {
                *count += 1;
            }
        }
        let mut map = vec![None; alive.len()];
        let old = self.exchanges.take();
        for ((row, flows), place) in old.into_iter().zip(alive).zip(&mut map) {
            if flows > 0 {
                let row = Exchange {
                    flows,
                    flows_ended: 0,
                    frames: 0,
                    frames_back: 0,
                    bytes: [0; 2],
                    first: now,
                    last: now,
                    ..row
                };
                *place = Some(self.exchanges.add(row));
            }
        }
        map
    }

    fn stations_in_use(&self) -> BTreeSet<StationId> {
        let of_flows = self.flows.all().flat_map(|flow| [flow.client, flow.server]);
        of_flows.chain(self.exchanges.all().iter().flat_map(|row| [row.client, row.server])).collect()
    }

    /// Keeps stations in use, and those heard since `begun`.
    fn renew_stations(&mut self, used: &BTreeSet<StationId>, begun: CaptureTime) -> Moved<StationId> {
        let old = self.stations.take();
        let mut map = vec![None; old.len()];
        for ((at, mut row), place) in (0..).zip(old).zip(&mut map) {
            let in_use = used.contains(&StationId(at));
            let heard = !row.asleep && row.sent.is_some_and(|sent| sent.last >= begun);
            if !in_use && !heard {
                continue;
            }
            row.renew();
            row.asleep = !in_use;
            *place = Some(self.stations.add(row, &self.site.networks));
        }
        let ends: Vec<_> = self.exchanges.all().iter().map(|row| (row.client, row.server)).collect();
        for (client, server) in ends {
            if let Some(row) = moved(&map, client.index()).and_then(|id| self.stations.row_mut(id)) {
                row.servers += 1;
            }
            if let Some(row) = moved(&map, server.index()).and_then(|id| self.stations.row_mut(id)) {
                row.clients += 1;
            }
        }
        map
    }
}

impl Station {
    /// What it sent from now on is counted anew; that it sent, is known.
    fn renew(&mut self) {
        (self.clients, self.servers) = (0, 0);
        if let Some(sent) = &mut self.sent {
            sent.count = 0;
            sent.first = sent.last;
            sent.first_evidence = sent.last_evidence;
        }
    }
}
