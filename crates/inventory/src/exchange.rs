//! Exchanges: all flows between two stations on one server port with one protocol. An asset's conversations
//! are its exchanges, seen from its side.

use crate::flow::Share;
use crate::station::StationId;
use model::{CaptureTime, Evidence, FastState, Rhythm, Side, SideTotals, Transport};

/// Most exchanges in all. Our limit; flows over it are judged by address alone, which
/// [`crate::Dropped::exchanges`] counts.
pub const EXCHANGES_MAX: usize = 1 << 16;
/// Most exchanges of one station as client, and as many as server, before anything is known of what they
/// speak; a flow whose protocol is found gets one up to twice as many. Our limit; counted in
/// [`crate::Dropped::exchanges`].
pub const EXCHANGES_PER_STATION_MAX: u32 = 1 << 11;

/// Names an exchange within one [`crate::Inventory`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub(crate) u32);

impl ExchangeId {
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The exchange at this place of [`crate::Inventory::exchanges`].
    #[must_use]
    pub fn at(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Its place in lists by exchange.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All flows between two stations on one server port with one protocol.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Who opened the flows.
    pub client: StationId,
    /// Who was addressed.
    pub server: StationId,
    /// Port of the server.
    pub port: u16,
    /// What carries them.
    pub transport: Transport,
    /// What they speak, found by content.
    pub protocol: Option<&'static str>,
    /// Sent to everyone on the link, or to a group.
    pub group: bool,
    /// Flows.
    pub flows: u64,
    /// Flows that ended.
    pub flows_ended: u64,
    /// Frames of both sides, of the flows that ended, and of the others as far as they were asked.
    pub frames: u64,
    /// Frames of the server, as far.
    pub frames_back: u64,
    /// Payload bytes by side that sent them, as far.
    pub bytes: [u64; 2],
    /// Earliest frame.
    pub first: CaptureTime,
    /// Latest frame that told something.
    pub last: CaptureTime,
    /// A frame that shows it.
    pub evidence: Evidence,
    /// How regularly its flows begin.
    pub rhythm: Rhythm,
    /// The server answered.
    pub answered: bool,
    /// TCP payload of flows of which the capture has one side only: it can only have been sent to somebody
    /// who answered unseen.
    pub one_sided: bool,
    /// Datagrams from a well-known port: more likely answers than requests.
    pub reply_like: bool,
    /// What was counted before the last renewal, which reports of the stretch since then leave out.
    pub(crate) before: Before,
}

/// What of an exchange was counted before a renewal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) flows: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: [u64; 2],
    /// When the stretch of time began that is counted now; none where there was no renewal.
    pub(crate) since: Option<CaptureTime>,
}

type Key = (StationId, StationId, u16, Transport, Option<&'static str>);

/// All exchanges.
#[derive(Debug)]
pub(crate) struct Exchanges {
    rows: Vec<Exchange>,
    #[expect(clippy::disallowed_types, reason = "looked up only; its order never shows")]
    index: std::collections::HashMap<Key, u32, FastState>,
    pub(crate) dropped: u64,
}

impl Default for Exchanges {
    fn default() -> Self {
        // Room that is never touched costs nothing; growing into it row by row would copy every row again and again.
        Self { rows: Vec::with_capacity(2 * EXCHANGES_MAX), index: Default::default(), dropped: 0 }
    }
}

impl Exchanges {
    pub(crate) fn find(&self, key: &Key) -> Option<ExchangeId> {
        self.index.get(key).map(|at| ExchangeId(*at))
    }

    pub(crate) fn is_full(&self, times: usize) -> bool {
        self.rows.len() >= EXCHANGES_MAX * times
    }

    pub(crate) fn add(&mut self, row: Exchange) -> ExchangeId {
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.index.insert(key_of(&row), at);
        self.rows.push(row);
        ExchangeId(at)
    }

    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for row in &mut self.rows {
            row.first = row.first.plus_nanos(by);
            row.last = row.last.plus_nanos(by);
            row.rhythm.clock_set(by);
            row.before.since = row.before.since.map(|since| since.plus_nanos(by));
        }
    }

    /// Every row; the table is empty then.
    pub(crate) fn take(&mut self) -> Vec<Exchange> {
        std::mem::take(self).rows
    }

    /// Stations have other ids now; those without any were forgotten.
    pub(crate) fn rename_stations(&mut self, renamed: impl Fn(StationId) -> Option<StationId>) {
        for row in self.take() {
            let station = |id| renamed(id).unwrap_or(StationId::NONE);
            self.add(Exchange { client: station(row.client), server: station(row.server), ..row });
        }
    }

    /// The protocol of a nameless exchange is found.
    pub(crate) fn name(&mut self, id: ExchangeId, protocol: &'static str) {
        if let Some(row) = self.rows.get_mut(id.index()) {
            self.index.remove(&key_of(row));
            row.protocol = Some(protocol);
            self.index.insert(key_of(row), id.0);
        }
    }

    pub(crate) fn row(&self, id: ExchangeId) -> Option<&Exchange> {
        self.rows.get(id.index())
    }

    pub(crate) fn row_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.rows.get_mut(id.index())
    }

    pub(crate) fn all(&self) -> &[Exchange] {
        &self.rows
    }
}

fn key_of(row: &Exchange) -> Key {
    (row.client, row.server, row.port, row.transport, row.protocol)
}

impl Exchange {
    /// From here on counts are those of a new stretch of time.
    pub(crate) fn renew(&mut self, now: CaptureTime) {
        self.before = Before { flows: self.flows, frames: self.frames, bytes: self.bytes, since: Some(now) };
    }

    /// Counts what a flow of it carried.
    pub(crate) const fn count(&mut self, [client, server]: [SideTotals; 2]) {
        let [by_client, by_server] = &mut self.bytes;
        *by_client += client.payload_bytes;
        *by_server += server.payload_bytes;
        self.frames += client.frames + server.frames;
        self.frames_back += server.frames;
    }

    /// A flow is counted in another exchange from here on.
    pub(crate) fn lose(&mut self, share: Share) {
        let less = |count: &mut u64, share: u64| *count = count.saturating_sub(share);
        let frames = |[client, server]: [SideTotals; 2]| client.frames + server.frames;
        less(&mut self.frames, frames(share.sides));
        let [_, server] = share.sides;
        less(&mut self.frames_back, server.frames);
        less(&mut self.before.frames, frames(share.before));
        for (bytes, side) in self.bytes.iter_mut().zip(share.sides) {
            less(bytes, side.payload_bytes);
        }
        for (bytes, side) in self.before.bytes.iter_mut().zip(share.before) {
            less(bytes, side.payload_bytes);
        }
    }

    /// A flow is counted in this exchange from here on.
    pub(crate) fn gain(&mut self, share: Share) {
        let [client, server] = share.before;
        self.count(share.sides);
        self.before.frames += client.frames + server.frames;
        for (bytes, side) in self.before.bytes.iter_mut().zip(share.before) {
            *bytes += side.payload_bytes;
        }
    }

    /// The same with what was counted since the last renewal alone. A flow counts where it began, its frames and bytes
    /// where they were told.
    pub(crate) fn since_renewal(&self) -> Self {
        let Before { flows, frames, bytes: [client, server], since } = self.before;
        let [all_client, all_server] = self.bytes;
        Self {
            flows: self.flows.saturating_sub(flows),
            frames: self.frames.saturating_sub(frames),
            bytes: [all_client.saturating_sub(client), all_server.saturating_sub(server)],
            first: since.map_or(self.first, |since| self.first.max(since)),
            last: since.map_or(self.last, |since| self.last.max(since)),
            ..*self
        }
    }

    /// Whether a flow of it is alive.
    pub(crate) const fn goes_on(&self) -> bool {
        self.flows_ended < self.flows
    }

    /// Whether some frame of the server was seen, as far as can be told before all flows ended.
    #[must_use]
    pub const fn answer_seen(&self) -> bool {
        self.answered && (self.frames_back > 0 || self.flows_ended < self.flows)
    }

    /// The station on `side`.
    #[must_use]
    pub const fn station(&self, side: Side) -> StationId {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }
}
