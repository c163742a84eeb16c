//! What experts know, as it was compiled in: (file name, text), sorted by name.

include!(concat!(env!("OUT_DIR"), "/shelf.rs"));
