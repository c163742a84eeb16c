//! Inventory and findings on hand-made observations of a ward.

mod bench;
mod findings;
mod places;
mod vitals;
