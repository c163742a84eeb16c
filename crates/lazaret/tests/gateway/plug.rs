//! Pulling the plug: a disk without room, cables that go and come back. Nothing leaves, and every cycle arrives in order.

use super::place::{At, Place, text};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A disk of some megabytes.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", text(at)];
        assert!(Command::new("mount").args(mount).status().unwrap().success());
        Self(at.to_owned())
    }

    /// Until nothing more fits.
    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        for piece in [1 << 16, 1] {
            while filler.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The gateway may still be at it.
        drop(Command::new("umount").args(["--lazy", text(&self.0)]).status());
    }
}

#[test]
fn a_full_disk_is_said_and_what_the_monitor_sends_meanwhile_arrives_once_there_is_room() {
    let Some(place) = Place::new() else { return };
    let disk = SmallDisk::mount(&place.path("buffer"));
    place.start_receiver();
    place.start_gateway();
    place.send(0, 20, 20);
    place.until_arrived(20);
    let outside = place.received(At::Internet, "eth0");
    disk.fill();
    // What is not accepted lies in the buffers of the connection.
    place.send(20, 40, 50);
    let says =
        || place.read("gateway.err").contains("cannot be kept, trying again: the disk of `--buffer` is full");
    place.until("it says that the disk is full", says);
    assert!(place.numbers().len() < 60, "the disk was not full: {:?}", place.numbers().len());
    disk.make_room();
    place.until_arrived(60);
    place.send(60, 10, 20);
    place.until_arrived(70);
    assert_eq!(place.numbers(), (0..70).collect::<Vec<_>>());
    assert_eq!(place.received(At::Internet, "eth0"), outside, "frames reached the internet");
    place.end("gateway", "-TERM");
}

#[test]
fn cables_that_go_and_come_back_lose_no_cycle() {
    let Some(place) = Place::new() else { return };
    place.start_receiver();
    place.start_gateway();
    let outside = place.received(At::Internet, "eth0");
    let arguments = ["202.114.4.119", "515", "7", "0", "100", "100"];
    place.start_script(At::Monitor, "monitor", "monitor.py", &arguments);
    for (interface, so_many) in [("device0", 10), ("ward0", 40)] {
        place.until_arrived(so_many);
        let set = |state| {
            let set = ["ip", "link", "set", interface, state];
            assert!(place.output(At::Gateway, &set).status.success());
        };
        set("down");
        // Longer than the silence that the gateway calls a gap.
        std::thread::sleep(Duration::from_secs(3));
        set("up");
    }
    place.ended("monitor");
    place.until_arrived(100);
    assert_eq!(place.numbers(), (0..100).collect::<Vec<_>>());
    assert_eq!(place.received(At::Internet, "eth0"), outside, "frames reached the internet");
    place.end("gateway", "-TERM");
    assert!(!place.read("gateway.err").contains("panicked"), "{}", place.read("gateway.err"));
}
