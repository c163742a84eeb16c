//! Inventory and findings on hand-made observations of a ward.

#[cfg(test)]
mod bench;
mod findings;
mod past;
mod places;
mod renewal;
mod time;
mod vitals;
