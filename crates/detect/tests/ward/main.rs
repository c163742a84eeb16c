//! Inventory and findings on hand-made observations of a ward.

#[cfg(test)]
mod bench;
mod findings;
mod places;
mod renewal;
mod vitals;
