//! What could not be seen, in sentences that a person can act on.

use crate::judge::Judge;
use inventory::Inventory;
use model::Coverage;

/// What could not be seen, and what to do about it.
#[must_use]
pub fn blind_spots(coverage: &Coverage, inventory: &Inventory, judge: &Judge) -> Vec<String> {
    let mut spots = Vec::new();
    let mut spot = |count: u64, text: &str| {
        if count > 0 {
            spots.push(text.replace("{n}", &count.to_string()));
        }
    };
    spot(u64::from(coverage.frames == 0), "No frame was read: nothing can be said of the network.");
    spot(
        coverage.frames_lost,
        "The sensor lost {n} frames because it could not keep up: what was in them is not known, and nothing is \
         concluded from what is missing. Give it a larger ring (--buffer), more of the processor, or less to watch.",
    );
    spot(
        judge.clock_steps(),
        "{n} times the sensor's clock was set: times before and after do not compare. How long a device was silent or \
         learnt is counted by the time that really passed. Keep the clock by NTP or PTP.",
    );
    spot(
        coverage.flows_one_sided,
        "{n} connections were captured in one direction only: whether data arrived can only be inferred. \
         Mirror both directions of the port.",
    );
    spot(
        coverage.flows_encrypted,
        "{n} connections are encrypted: whom they reach is judged, what they carry is not.",
    );
    spot(
        coverage.flows_unparsed,
        "{n} connections carry a protocol that is not known or was given up: they are judged by address and \
         port alone.",
    );
    spot(
        coverage.gap_bytes,
        "{n} bytes of connections are missing from the capture: an update or a log-in among them would not be \
         seen. Capture nearer to the devices, or with less loss.",
    );
    spot(
        coverage.cut_bytes,
        "{n} bytes were cut off frames by the capture's snap length: capture whole frames (snap length 0).",
    );
    spot(coverage.frames_undecoded, "{n} frames are of link or network types that are not decoded.");
    spot(coverage.frames_fault, "{n} frames have headers that contradict themselves or are cut short.");
    spot(
        coverage.flows_evicted,
        "{n} connections were dropped early because a table was full (a scan or a flood): findings about them \
         may be incomplete.",
    );
    spot(coverage.datagrams_incomplete, "{n} fragmented datagrams never became whole and were not read.");
    spot(
        coverage.parser_panics,
        "{n} connections were given up because a parser failed inside Lazaret: please report it.",
    );
    inventory_spots(inventory, judge, &mut spot);
    if coverage.frames > 0 && inventory.owned().next().is_none() {
        spots.push(
            "No address resolution (ARP, neighbour discovery) or lease was captured: where a peer is can only \
             be told for routers that carry several networks. Capture where the devices are attached, for at \
             least an hour."
                .to_owned(),
        );
    }
    spots
}

fn inventory_spots(inventory: &Inventory, judge: &Judge, spot: &mut dyn FnMut(u64, &str)) {
    let dropped = inventory.dropped();
    spot(
        dropped.stations,
        "{n} times a new address was not told apart because too many were seen (a scan or a flood with \
         invented senders): devices among them are missing from the inventory.",
    );
    spot(
        dropped.exchanges + dropped.flows,
        "{n} connections were not added to conversations because one host had too many (a scan or a flood).",
    );
    spot(dropped.owners, "{n} claims of addresses were not kept because there were too many.");
    spot(dropped.traits, "{n} traits of devices were not kept because one device showed too many.");
    spot(dropped.beds, "{n} units of vital signs were not kept because there were too many beds.");
    spot(judge.dropped(), "{n} matters were not judged because there were too many of one kind.");
}
