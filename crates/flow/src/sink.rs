//! From what a parser reports to observations: evidence, redaction, carried files, announced flows.

use crate::carry::{Carrier, Key, Over, Seen};
use crate::options::{Options, Redaction};
use crate::reader::Pending;
use crate::witness::{Unit, part_of};
use model::{
    Account, CaptureTime, Credentials, Disclosed, Evidence, Fact, Field, FlowId, LinkFact, Message,
    Observation, Observed, Origin, PatientToken, Privacy, Schema, Side, Text, Transport, Value,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use wire::{ContentId, ContentPart, Expectation, Login, PatientFields, Scope, Sink};

/// Short texts remembered per shard. Our limit; the oldest is forgotten.
pub const MEMORY_TEXTS_MAX: usize = 16_384;
/// Announced flows per shard. Our limit; the oldest is forgotten.
pub const EXPECTATIONS_MAX: usize = 4_096;

/// What the flows of one shard share.
pub(crate) struct Shared {
    pub(crate) carrier: Carrier,
    memory: BTreeMap<(u64, u64), Text>,
    memory_order: VecDeque<(u64, u64)>,
    expectations: BTreeMap<(Transport, IpAddr, u16), (&'static str, u64)>,
    expectation_order: VecDeque<(Transport, IpAddr, u16)>,
    /// Files that ended during the current step.
    over: Vec<Over>,
    /// Empty, for the next side that has to keep something: most units end with their second segment.
    spare: Option<Box<Pending>>,
}

/// Largest buffer that is kept for use again, in bytes. Our limit; a larger one is given back.
const SPARE_BYTES_MAX: usize = 64 << 10;

impl Shared {
    pub(crate) fn new(shard: u8) -> Self {
        Self {
            carrier: Carrier::new(shard),
            memory: BTreeMap::new(),
            memory_order: VecDeque::new(),
            expectations: BTreeMap::new(),
            expectation_order: VecDeque::new(),
            over: Vec::new(),
            spare: None,
        }
    }

    /// Nothing pending, perhaps with room.
    pub(crate) fn take_spare(&mut self) -> Box<Pending> {
        self.spare.take().unwrap_or_default()
    }

    /// What is no longer needed.
    pub(crate) fn give_spare(&mut self, mut pending: Box<Pending>) {
        let most = self.spare.as_ref().map_or(0, |spare| spare.bytes.capacity());
        if pending.bytes.capacity() <= SPARE_BYTES_MAX && pending.bytes.capacity() > most {
            pending.bytes.clear();
            pending.marks.clear();
            self.spare = Some(pending);
        }
    }

    /// Frees what is kept for use again.
    pub(crate) fn free_spare(&mut self) {
        self.spare = None;
    }

    /// The announcement that fits a new flow, which uses it up.
    pub(crate) fn expected(
        &mut self,
        transport: Transport,
        endpoints: [model::Endpoint; 2],
    ) -> Option<(&'static str, u64)> {
        if self.expectations.is_empty() {
            return None;
        }
        endpoints.iter().find_map(|end| self.expectations.remove(&(transport, end.ip, end.port)))
    }
}

/// What a step needs to know of its surroundings.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) shared: &'a mut Shared,
    pub(crate) out: &'a mut Vec<Observation>,
    pub(crate) time: CaptureTime,
    pub(crate) order: u64,
    pub(crate) evidence: Evidence,
    pub(crate) origin: Origin,
    /// Hash of the two hosts' addresses, the same for both directions.
    pub(crate) pair: u64,
}

impl Context<'_> {
    pub(crate) fn observe(&mut self, origin: Origin, evidence: Evidence, observed: Observed) {
        let (time, order) = (self.time, self.order);
        self.out.push(Observation { time, order, evidence, origin, observed });
    }

    /// A fact about one side of the current flow, shown by the current frame.
    pub(crate) fn fact(&mut self, side: Side, fact: Fact) {
        let origin = self.origin_of(side);
        self.observe(origin, self.evidence, Observed::Fact(fact));
    }

    fn origin_of(&self, side: Side) -> Origin {
        match self.origin {
            Origin::Flow(flow, _) => Origin::Flow(flow, side),
            link @ Origin::Link { .. } => link,
        }
    }

    pub(crate) const fn flow(&self) -> Option<FlowId> {
        match self.origin {
            Origin::Flow(flow, _) => Some(flow),
            Origin::Link { .. } => None,
        }
    }

    /// Tells the files that ended.
    pub(crate) fn tell_over(&mut self) {
        while let Some(over) = self.shared.over.pop() {
            let origin = Origin::Flow(over.flow, over.side);
            let evidence = over.file.last;
            self.observe(origin, evidence, Observed::Fact(Fact::Carried(Box::new(over.file))));
        }
    }

    /// Ends the files that the current flow carried last.
    pub(crate) fn end_files(&mut self) {
        let Some(flow) = self.flow() else { return };
        let keeper = self.options.keeper.as_deref();
        self.shared.carrier.end_flow(flow, keeper, &mut self.shared.over);
        self.tell_over();
    }
}

/// Which frame brought which part of a side's input: `(offset, frame)`, ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Marks<'a> {
    One(Evidence),
    Many(&'a [(usize, Evidence)]),
}

impl Marks<'_> {
    fn at(&self, offset: usize) -> Evidence {
        match self {
            Self::One(evidence) => *evidence,
            Self::Many(marks) => {
                let after = marks.partition_point(|(start, _)| *start <= offset);
                marks.get(after.saturating_sub(1)).map(|(_, evidence)| *evidence).unwrap_or_default()
            }
        }
    }
}

/// The sink of one step.
pub(crate) struct FlowSink<'a, 'b> {
    pub(crate) context: &'a mut Context<'b>,
    pub(crate) side: Side,
    pub(crate) marks: Marks<'a>,
    /// Offset of the step's input in what the marks speak of.
    pub(crate) base: usize,
    /// The parser said that the rest of the flow is encrypted.
    pub(crate) encrypted: bool,
    /// For a witness: the step's input with its place in the stream.
    pub(crate) input: &'a [u8],
    pub(crate) at: u64,
    /// The parser said that what it passes over may be seen.
    pub(crate) public: bool,
}

impl<'a, 'b> FlowSink<'a, 'b> {
    /// A sink of `side`, without input.
    pub(crate) const fn new(context: &'a mut Context<'b>, side: Side, marks: Marks<'a>) -> Self {
        Self { context, side, marks, base: 0, encrypted: false, input: &[], at: 0, public: false }
    }

    /// Where bytes of the input stand in the stream.
    fn placed(&self, range: &Range<usize>) -> Range<u64> {
        self.at + range.start as u64..self.at + range.end as u64
    }
}

impl FlowSink<'_, '_> {
    fn evidence(&self, range: &Range<usize>) -> Evidence {
        self.marks.at(self.base + range.start)
    }

    fn observe(&mut self, side: Side, range: &Range<usize>, observed: Observed) {
        let (origin, evidence) = (self.context.origin_of(side), self.evidence(range));
        self.context.observe(origin, evidence, observed);
    }

    fn account(&self, login: &Login<'_>) -> (Account, bool) {
        if login.account.is_empty() || login.account.eq_ignore_ascii_case(b"anonymous") {
            return (Account::Anonymous, false);
        }
        let known = &self.context.options.default_credentials;
        let named = known.iter().any(|(account, _)| account.as_bytes() == login.account);
        let published = known.iter().any(|(account, secret)| {
            account.as_bytes() == login.account && Some(secret.as_bytes()) == login.secret
        });
        (
            if named { Account::WellKnown(Text::from_bytes(login.account)) } else { Account::Withheld },
            published,
        )
    }
}

impl Sink for FlowSink<'_, '_> {
    fn time(&self) -> CaptureTime {
        self.context.time
    }

    fn wants_message(&self, schema: &'static Schema) -> bool {
        (self.context.options.wants_message)(schema)
    }

    fn wants_waveforms(&self) -> bool {
        self.context.options.waveforms == crate::options::Waveforms::Carry
    }

    fn message(&mut self, schema: &'static Schema, fields: &[(&'static Field, Value)], range: Range<usize>) {
        if !self.wants_message(schema) {
            return;
        }
        let redaction = &self.context.options.redaction;
        let mut withheld = Vec::new();
        let mut kept = Vec::with_capacity(fields.len());
        for (field, value) in fields {
            let value = match field.privacy {
                Privacy::Device => Some(value.clone()),
                Privacy::Patient => redacted(redaction, value),
                Privacy::Secret => None,
            };
            match value {
                Some(value) => kept.push((*field, value)),
                None => withheld.push(*field),
            }
        }
        let message = Message { schema, fields: kept.into() };
        if let (Some(witness), Some(flow)) = (self.context.options.witness.as_deref(), self.context.flow()) {
            let unit = Unit { message: message.clone(), withheld: withheld.into() };
            witness.told(flow, self.side, self.placed(&range), &unit);
        }
        self.observe(self.side, &range, Observed::Message(Box::new(message)));
    }

    fn fact(&mut self, fact: Fact, range: Range<usize>) {
        self.encrypted |= matches!(fact, Fact::Encrypted);
        self.observe(self.side, &range, Observed::Fact(fact));
    }

    fn fact_of_other(&mut self, fact: Fact, range: Range<usize>) {
        self.observe(self.side.other(), &range, Observed::Fact(fact));
    }

    fn link(&mut self, fact: LinkFact, range: Range<usize>) {
        self.observe(self.side, &range, Observed::Link(fact));
    }

    fn patient(&mut self, patient: &PatientFields<'_>, range: Range<usize>) {
        if patient.identifier.is_empty() && !patient.more {
            return;
        }
        let token = if patient.identifier.is_empty() {
            PatientToken::Withheld
        } else {
            self.context.options.redaction.token(patient.identifier)
        };
        if let (PatientToken::Pseudonym(hash), Some(identities)) = (&token, &self.context.options.identities)
        {
            identities.named(*hash, patient, self.context.time);
        }
        self.fact(Fact::Patient(token), range.clone());
        self.fact(Fact::Disclosed(Disclosed::PatientIdentity), range);
    }

    fn login(&mut self, login: &Login<'_>, range: Range<usize>) {
        let (account, published_default) = self.account(login);
        let cleartext = login.secret.is_some();
        let credentials = Credentials { account, cleartext, published_default, accepted: login.accepted };
        self.observe(Side::Client, &range, Observed::Fact(Fact::LoggedIn(Box::new(credentials))));
    }

    fn content(&mut self, id: ContentId, part: ContentPart<'_>) {
        let Some(flow) = self.context.flow() else { return };
        let place = match id.scope {
            // Slots and host pairs must not meet: the top bit tells them apart.
            Scope::Flow => u64::from(flow.slot) | 1 << 63,
            Scope::HostPair => self.context.pair & !(1 << 63),
        };
        let seen = Seen { flow, side: self.side, evidence: self.context.evidence };
        let shared = &mut *self.context.shared;
        let options = self.context.options;
        let keeper = options.keeper.as_deref();
        let file = shared.carrier.part(Key { place, id }, part, seen, keeper, &mut shared.over);
        if let (Some(witness), ContentPart::Bytes { bytes, .. }) = (options.witness.as_deref(), part) {
            match (file, part_of(self.input, bytes)) {
                (Some(file), Some(range)) => witness.carried(flow, self.side, self.placed(&range), file),
                // Of another buffer, or of a file that is not followed: nothing of this step may be seen.
                _ => witness.concealed(flow, self.side, self.placed(&(0..self.input.len()))),
            }
        }
        if !self.context.shared.over.is_empty() {
            self.context.tell_over();
        }
    }

    fn wants_concealed(&self) -> bool {
        self.context.options.witness.is_some()
    }

    fn conceal(&mut self, range: Range<usize>) {
        if let (Some(witness), Some(flow)) = (self.context.options.witness.as_deref(), self.context.flow()) {
            witness.concealed(flow, self.side, self.placed(&range));
        }
    }

    fn passes_public(&mut self) {
        self.public = true;
    }

    fn expect(&mut self, expectation: Expectation) {
        let Expectation { transport, ip, port, protocol, token } = expectation;
        let shared = &mut *self.context.shared;
        let key = (transport, ip, port);
        if shared.expectations.insert(key, (protocol, token)).is_none() {
            shared.expectation_order.push_back(key);
        }
        // Used-up keys stay in the order until they come up here.
        while shared.expectation_order.len() > EXPECTATIONS_MAX {
            if let Some(oldest) = shared.expectation_order.pop_front() {
                shared.expectations.remove(&oldest);
            }
        }
    }

    fn remember(&mut self, key: u64, text: Text) {
        let shared = &mut *self.context.shared;
        let key = (self.context.pair, key);
        if shared.memory.insert(key, text).is_none() {
            shared.memory_order.push_back(key);
        }
        while shared.memory_order.len() > MEMORY_TEXTS_MAX {
            if let Some(oldest) = shared.memory_order.pop_front() {
                shared.memory.remove(&oldest);
            }
        }
    }

    fn recall(&self, key: u64) -> Option<Text> {
        self.context.shared.memory.get(&(self.context.pair, key)).cloned()
    }
}

/// What a rule may see of a patient value: its keyed hash, or the value itself once the glass is broken.
fn redacted(redaction: &Redaction, value: &Value) -> Option<Value> {
    let text = value.to_string();
    match redaction {
        Redaction::Withhold => None,
        Redaction::Show => Some(value.clone()),
        Redaction::Pseudonym(_) => match redaction.token(text.as_bytes()) {
            PatientToken::Pseudonym(hash) => Some(Value::Text(Text::from(hash.to_string().as_str()))),
            PatientToken::Withheld | PatientToken::Clear(_) => None,
        },
    }
}
