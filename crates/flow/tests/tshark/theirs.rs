//! tshark's side: its JSON, whose objects repeat keys, and what the rows want of it.

use crate::Counts;
use crate::rows::{LAYERS, ROWS, Theirs};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::path::Path;
use std::process::{Command, Stdio};

/// One value of tshark's JSON. Objects keep repeated keys.
#[derive(Debug)]
pub(crate) enum Node {
    /// A field's value.
    Leaf(String),
    /// A tree.
    Tree(Vec<(String, Node)>),
    /// A list.
    List(Vec<Node>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("what tshark writes")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Leaf(text.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf(String::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = access.next_element()? {
                    list.push(node);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut tree = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    tree.push(entry);
                }
                Ok(Node::Tree(tree))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl Node {
    /// Entries of a tree, elements of lists of trees.
    pub(crate) fn entries(&self) -> Box<dyn Iterator<Item = (&str, &Self)> + '_> {
        match self {
            Self::Leaf(_) => Box::new(std::iter::empty()),
            Self::Tree(tree) => Box::new(tree.iter().map(|(key, node)| (key.as_str(), node))),
            Self::List(list) => Box::new(list.iter().flat_map(Self::entries)),
        }
    }

    /// Every leaf below, with its key. What a network message quotes of another packet is not looked into.
    pub(crate) fn leaves<'a>(&'a self, out: &mut Vec<(&'a str, &'a str)>) {
        for (key, node) in self.entries() {
            match node {
                Self::Leaf(text) => out.push((key, text)),
                _ if matches!(key, "ip" | "ipv6") => return,
                _ => node.leaves(out),
            }
        }
    }

    /// Values of every leaf below called `name`.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let mut leaves = Vec::new();
        self.leaves(&mut leaves);
        leaves.into_iter().filter(|(key, _)| *key == name).map(|(_, text)| text).collect()
    }

    /// Values of leaves called `name` directly in this tree.
    pub(crate) fn own(&self, name: &str) -> Vec<String> {
        let leaf = |(key, node): (&str, &Self)| match node {
            Self::Leaf(text) if key == name => Some(text.clone()),
            _ => None,
        };
        self.entries().filter_map(leaf).collect()
    }

    /// Every tree that has a leaf called `name` directly in it.
    pub(crate) fn with_leaf<'a>(&'a self, name: &str, out: &mut Vec<&'a Self>) {
        if self.entries().any(|(key, node)| key == name && matches!(node, Self::Leaf(_))) {
            out.push(self);
        }
        for (_, node) in self.entries() {
            node.with_leaf(name, out);
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.entries().find(|(key, _)| *key == name).map(|(_, node)| node)
    }
}

/// Counts the fields of `path` as tshark reads it, with its defaults and without names for addresses.
pub(crate) fn read(path: &Path) -> Result<Counts, String> {
    // tshark's settings are those of nobody.
    let home = std::env::temp_dir();
    let output = Command::new("tshark")
        .args(["-n", "-T", "json", "-J", &LAYERS.join(" "), "-r"])
        .arg(path)
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", &home)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("tshark: {error}"))?;
    let text: String = output.stdout.utf8_chunks().map(|chunk| chunk.valid()).collect();
    let mut counts = Counts::new();
    if text.trim().is_empty() {
        return Ok(counts);
    }
    let Node::List(frames) =
        serde_json::from_str(&text).map_err(|error| format!("JSON of tshark: {error}"))?
    else {
        return Err("JSON of tshark is no list".to_owned());
    };
    for frame in &frames {
        let layers = frame.child("_source").and_then(|source| source.child("layers"));
        for (layer, node) in layers.into_iter().flat_map(Node::entries) {
            count(layer, node, &mut counts);
        }
    }
    Ok(counts)
}

fn count(layer: &str, node: &Node, counts: &mut Counts) {
    let mut leaves = Vec::new();
    node.leaves(&mut leaves);
    for row in ROWS.iter().filter(|row| row.layers.contains(&layer)) {
        let values: Vec<String> = match &row.theirs {
            Theirs::Fields(fields) => {
                let wanted = leaves.iter().filter(|(key, _)| fields.contains(key));
                wanted.map(|(_, text)| (*text).to_owned()).collect()
            }
            Theirs::Read(read) => read(node),
        };
        for value in values.iter().filter_map(|value| (row.normal)(value)) {
            *counts.entry(row.ours.to_owned()).or_default().entry(value).or_default() += 1;
        }
    }
}
