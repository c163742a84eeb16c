//! Who is told, what a wrong key, a changed bit and a moved record do, and what of a patient is in the files: nothing.

use super::*;
use crate::tests::{Folder, actor, report};
use crate::{Prunable, Reading as _, Trial, Writing as _, backup, restore};

const PASSPHRASE: &[u8] = b"a lamp, a door and a tide";
const ONE: Pseudonym = Pseudonym(0xA1);
const TWO: Pseudonym = Pseudonym(0xB2);
const NAMES: [&str; 2] = ["Ylva Ravnsund", "Ostrava Quill"];
const NUMBERS: [&str; 2] = ["778-401-22", "778-401-23"];
/// Longer than anything is kept in these tests.
const LONG: i64 = i64::MAX;

fn identity(which: usize, at: i64) -> Identity {
    Identity::new(NAMES[which].as_bytes(), NUMBERS[which].as_bytes(), Some(7), at)
}

fn keep(store: &mut Writer, vault: &Vault, patient: Pseudonym, identity: &Identity) {
    let sealed = vault.seal(patient, identity).unwrap();
    store.keep_identities(vault, &[(patient, sealed)], LONG, &actor()).unwrap();
}

fn filled(test: &str) -> (Folder, Writer, Vault) {
    let folder = Folder::new(test);
    let mut store = folder.writer();
    let vault = store.make_vault(PASSPHRASE, &actor()).unwrap();
    keep(&mut store, &vault, ONE, &identity(0, 100));
    keep(&mut store, &vault, TWO, &identity(1, 200));
    (folder, store, vault)
}

fn look(store: &mut Writer, vault: &Vault, patient: Pseudonym) -> Result<Option<Identity>, StoreError> {
    store.look(vault, &Look { patient, way: "test", reason: Some("a call from the ward") }, &actor())
}

/// What the log says of looks: outcome by patient.
fn looks(store: &Writer) -> Vec<(String, String)> {
    let entries = store.audit(0, 1000).unwrap().into_iter().filter(|entry| entry.action == "vault-look");
    let told = entries.map(|entry| {
        assert!(
            entry.detail.contains("a call from the ward") && entry.detail.contains("\"way\":\"test\""),
            "{entry:?}"
        );
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap();
        (entry.subject, detail["outcome"].as_str().unwrap().to_owned())
    });
    told.collect()
}

/// Everything in the folder of a store, as it lies on disk.
fn bytes(folder: &Folder) -> Vec<u8> {
    let files = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn tells_nobody(bytes: &[u8]) {
    for wanted in NAMES.iter().chain(&NUMBERS).chain(&["Ylva", "Ravnsund", "Quill"]) {
        assert!(!has(bytes, wanted.as_bytes()), "{wanted}");
    }
    assert!(!has(bytes, PASSPHRASE));
}

#[test]
fn who_looks_is_told_and_is_in_the_log_first() {
    let (folder, mut store, vault) = filled("vault-look");
    let told = look(&mut store, &vault, ONE).unwrap().unwrap();
    assert_eq!(
        (told.name(), told.number(), told.bed(), told.seen()),
        (NAMES[0], NUMBERS[0], Some(7), (100, 100))
    );
    assert_eq!(look(&mut store, &vault, Pseudonym(9)).unwrap(), None);
    let expected = [("p:00000000000000a1", "shown"), ("p:0000000000000009", "nothing there")];
    assert_eq!(looks(&store), expected.map(|(patient, outcome)| (patient.to_owned(), outcome.to_owned())));
    assert_eq!(store.verify_audit(None).unwrap().broken, None);
    let standing = store.vault().unwrap().unwrap();
    assert_eq!(
        (standing.records, standing.first, standing.last, standing.rotated),
        (2, Some(100), Some(200), None)
    );
    tells_nobody(&bytes(&folder));
    assert!(has(&bytes(&folder), b"p:00000000000000a1"), "a blind test");
    for shown in [format!("{told:?}"), format!("{vault:?}")] {
        tells_nobody(shown.as_bytes());
    }
}

#[test]
fn a_look_that_cannot_be_written_down_tells_nobody() {
    let (_folder, mut store, vault) = filled("vault-unlogged");
    store
        .raw()
        .execute_batch("CREATE TRIGGER no_log BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    assert!(look(&mut store, &vault, ONE).is_err());
}

#[test]
fn a_store_without_a_vault_is_as_ever() {
    let folder = Folder::new("vault-none");
    let mut store = folder.writer();
    store.import(&report(1, 0, 60), "1", &actor()).unwrap();
    assert_eq!(store.vault().unwrap(), None);
    assert!(matches!(store.open_vault(PASSPHRASE), Err(StoreError::NoVault)));
    assert!(matches!(store.forget(Forgetting::All, "x", &actor()), Err(StoreError::NoVault)));
    let other = Vault::new(None).unwrap();
    assert!(matches!(look(&mut store, &other, ONE), Err(StoreError::NoVault)));
}

#[test]
fn a_wrong_passphrase_is_told_from_a_damaged_vault() {
    let (folder, mut store, vault) = filled("vault-wrong");
    for wrong in [&b"a lamp, a door and a tid"[..], b"a lamp, a door and a tide ", b""] {
        assert!(matches!(store.open_vault(wrong), Err(StoreError::VaultKey)), "{wrong:?}");
        assert!(
            matches!(store.make_vault(wrong, &actor()), Err(StoreError::VaultKey)),
            "a second one is not made"
        );
    }
    let again = store.make_vault(PASSPHRASE, &actor()).unwrap();
    assert_eq!(again.hash_key(), vault.hash_key());
    let (header, mut at) = (header(store.raw()).unwrap().unwrap(), 0);
    while at < header.keys.len() * 8 {
        let mut flipped = header.clone();
        flipped.keys[at / 8] ^= 1 << (at % 8);
        assert!(matches!(Vault::open(&flipped, PASSPHRASE), Err(StoreError::VaultDamaged(_))), "bit {at}");
        at += 7;
    }
    // What a hostile store asks for is bounded.
    folder.raw().execute("UPDATE vault SET memory_kib = 1 << 30", []).unwrap();
    assert!(matches!(store.open_vault(PASSPHRASE), Err(StoreError::VaultDamaged(_))));
}

#[test]
fn one_changed_bit_of_a_record_is_caught_wherever_it_is() {
    let vault = Vault::new(None).unwrap();
    let sealed = vault.seal(ONE, &identity(0, 100)).unwrap();
    assert!(vault.open_record(ONE, &sealed).unwrap() == identity(0, 100));
    for bit in 0..sealed.bytes.len() * 8 {
        let mut flipped = sealed.clone();
        flipped.bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(vault.open_record(ONE, &flipped), Err(StoreError::VaultDamaged(_))), "bit {bit}");
    }
    for (first, last) in [(101, 100), (100, 101), (99, 100), (i64::MIN, i64::MAX)] {
        assert!(
            vault.open_record(ONE, &Sealed { first, last, ..sealed.clone() }).is_err(),
            "{first}, {last}"
        );
    }
    for length in 0..sealed.bytes.len() {
        let cut = Sealed { bytes: sealed.bytes[..length].to_vec(), ..sealed.clone() };
        assert!(vault.open_record(ONE, &cut).is_err(), "{length} bytes");
    }
}

#[test]
fn a_record_under_another_patients_hash_does_not_open_and_the_log_tells_it() {
    let (folder, mut store, vault) = filled("vault-moved");
    assert!(vault.open_record(TWO, &vault.seal(ONE, &identity(0, 100)).unwrap()).is_err());
    let columns = ["first", "last", "sealed"].map(|column| {
        format!("{column} = (SELECT {column} FROM vault_records WHERE patient = 'p:00000000000000a1')")
    });
    let moved =
        format!("UPDATE vault_records SET {} WHERE patient = 'p:00000000000000b2'", columns.join(", "));
    assert_eq!(folder.raw().execute(&moved, []).unwrap(), 1);
    let refused = look(&mut store, &vault, TWO).unwrap_err();
    assert!(
        matches!(&refused, StoreError::VaultDamaged(what) if what.contains("p:00000000000000b2")),
        "{refused}"
    );
    assert_eq!(looks(&store), [("p:00000000000000b2".to_owned(), "damaged".to_owned())]);
    assert!(matches!(
        store.rotate_vault(&vault, b"another passphrase", &actor()),
        Err(StoreError::VaultDamaged(_))
    ));
    assert!(store.open_vault(PASSPHRASE).is_ok(), "nothing was rotated");
    // What devices say next takes its place, and the log says that something was wrong.
    keep(&mut store, &vault, TWO, &identity(1, 300));
    assert_eq!(look(&mut store, &vault, TWO).unwrap().unwrap().name(), NAMES[1]);
    assert!(store.audit(0, 100).unwrap().iter().any(|entry| entry.action == "vault-damaged"));
}

#[test]
fn a_rotated_key_leaves_nothing_that_the_old_one_opens() {
    let (folder, mut store, vault) = filled("vault-rotate");
    let old: Vec<Vec<u8>> = [ONE, TWO]
        .map(|patient| {
            let query = "SELECT sealed FROM vault_records WHERE patient = ?1";
            store.raw().query_row(query, [patient.to_string()], |row| row.get(0)).unwrap()
        })
        .into();
    assert!(old.iter().all(|sealed| has(&bytes(&folder), sealed)), "a blind test");
    assert_eq!(store.rotate_vault(&vault, b"a new passphrase", &actor()).unwrap(), 2);
    assert!(matches!(store.open_vault(PASSPHRASE), Err(StoreError::VaultKey)));
    let new = store.open_vault(b"a new passphrase").unwrap();
    assert_eq!(new.hash_key(), vault.hash_key(), "hashes go on to mean the same patients");
    assert_eq!(look(&mut store, &new, ONE).unwrap().unwrap().name(), NAMES[0]);
    assert!(old.iter().all(|sealed| !has(&bytes(&folder), sealed)), "what the old key sealed is still there");
    // A sensor and a server that were started with the old one notice, and write nothing that nobody could open.
    let sealed = vault.seal(ONE, &identity(0, 900)).unwrap();
    let refused = store.keep_identities(&vault, &[(ONE, sealed)], LONG, &actor());
    assert!(matches!(refused, Err(StoreError::VaultChanged)));
    assert!(matches!(look(&mut store, &vault, ONE), Err(StoreError::VaultChanged)));
    assert!(matches!(
        store.rotate_vault(&vault, b"a third passphrase", &actor()),
        Err(StoreError::VaultChanged)
    ));
    let standing = store.vault().unwrap().unwrap();
    assert_eq!((standing.records, standing.rotated, standing.last), (2, Some(actor().at), Some(200)));
}

#[test]
fn a_backup_holds_ciphertext_alone_and_its_vault_opens_where_it_is_restored() {
    let (folder, store, _vault) = filled("vault-backup");
    drop(store);
    let file = folder.0.with_extension("copy");
    drop(std::fs::remove_file(&file));
    backup(&folder.0, &file).unwrap();
    tells_nobody(&std::fs::read(&file).unwrap());
    let other = Folder::new("vault-restored");
    restore(&other.0, &file, &actor()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let mut restored = other.writer();
    assert!(matches!(restored.open_vault(b"another passphrase"), Err(StoreError::VaultKey)));
    let vault = restored.open_vault(PASSPHRASE).unwrap();
    assert_eq!(look(&mut restored, &vault, TWO).unwrap().unwrap().number(), NUMBERS[1]);
    tells_nobody(&bytes(&other));
}

#[test]
fn what_is_forgotten_is_gone_from_the_file() {
    let (folder, mut store, vault) = filled("vault-forget");
    let sealed: Vec<u8> = store
        .raw()
        .query_row("SELECT sealed FROM vault_records ORDER BY patient", [], |row| row.get(0))
        .unwrap();
    assert_eq!(store.forget(Forgetting::One(ONE), "discharged", &actor()).unwrap(), 1);
    assert_eq!(store.forget(Forgetting::One(ONE), "again", &actor()).unwrap(), 0);
    assert!(!has(&bytes(&folder), &sealed));
    assert_eq!(look(&mut store, &vault, ONE).unwrap(), None);
    assert!(look(&mut store, &vault, TWO).unwrap().is_some());
    let entry =
        store.audit(0, 100).unwrap().into_iter().find(|entry| entry.action == "vault-forget").unwrap();
    assert_eq!((entry.subject.as_str(), entry.detail.contains("discharged")), ("p:00000000000000a1", true));
    assert_eq!(store.forget(Forgetting::All, "the study is over", &actor()).unwrap(), 1);
    assert_eq!(store.vault().unwrap().unwrap().records, 0);
}

#[test]
fn records_go_when_they_are_old_by_the_clock_or_pruned_by_capture_time() {
    let (_folder, mut store, vault) = filled("vault-age");
    let later = Actor { at: actor().at + 10, ..actor() };
    let sealed = vault.seal(TWO, &identity(1, 300)).unwrap();
    assert_eq!(
        store.keep_identities(&vault, &[(TWO, sealed)], 9, &later).unwrap(),
        1,
        "that of ONE is older than 9 ns"
    );
    assert_eq!(store.vault().unwrap().unwrap().records, 1);
    let entry = store.audit(0, 100).unwrap().pop().unwrap();
    assert_eq!((entry.action.as_str(), entry.detail.as_str()), ("vault-expire", r#"{"old":1,"too_many":0}"#));
    let prune = |store: &mut Writer, before, trial| {
        store.prune(&[Prunable::Identities], before, trial, &actor()).unwrap()[0].rows
    };
    assert_eq!(prune(&mut store, 300, Trial::Real), 0);
    assert_eq!(prune(&mut store, 301, Trial::Dry), 1);
    assert_eq!(prune(&mut store, 301, Trial::Real), 1);
    assert_eq!(store.vault().unwrap().unwrap().records, 0);
}

#[test]
fn what_is_told_again_is_joined_with_what_was_known() {
    let (_folder, mut store, vault) = filled("vault-joined");
    // A message that has only the number, from another bed, later; one that is older and has another name.
    keep(&mut store, &vault, ONE, &Identity::new(b"", NUMBERS[0].as_bytes(), Some(8), 500));
    keep(&mut store, &vault, ONE, &Identity::new(b"Somebody Else", b"", None, 50));
    let told = look(&mut store, &vault, ONE).unwrap().unwrap();
    assert_eq!(
        (told.name(), told.number(), told.bed(), told.seen()),
        (NAMES[0], NUMBERS[0], Some(8), (50, 500))
    );
    assert_eq!(store.vault().unwrap().unwrap().records, 2);
    // Messages between servers turn names around; another name takes the place of the one before.
    for (said, expected) in [("RAVNSUND^YLVA^^", NAMES[0]), ("Ylva Ravnsund-Quill", "Ylva Ravnsund-Quill")] {
        keep(&mut store, &vault, ONE, &Identity::new(said.as_bytes(), b"", None, 600));
        assert_eq!(look(&mut store, &vault, ONE).unwrap().unwrap().name(), expected);
    }
}

#[test]
fn texts_are_printable_bounded_and_of_one_length_when_sealed() {
    let name = |bytes: &[u8]| Identity::new(bytes, b"", None, 0).name().to_owned();
    assert_eq!(name(b"RAVNSUND^YLVA^^"), "RAVNSUND YLVA");
    assert_eq!(name(b" \x1b[2Jx\0\0 "), "\\x1b[2Jx");
    let long = name(&[0xC3, 0xA9].repeat(400));
    assert!(long.len() <= TEXT_BYTES_MAX && long.ends_with('…') && long.starts_with("éé"), "{long}");
    let vault = Vault::new(None).unwrap();
    let length =
        |name: &str| vault.seal(ONE, &Identity::new(name.as_bytes(), b"1", None, 0)).unwrap().bytes.len();
    assert_eq!(length("Ng"), length("Ylva Ravnsund-Ostrava of the Tides"));
    let longest = Identity::new(&[b'x'; 5000], &[b'9'; 5000], Some(u16::MAX), i64::MAX);
    let sealed = vault.seal(ONE, &longest).unwrap();
    assert!(vault.open_record(ONE, &sealed).unwrap() == longest);
    assert_ne!(sealed.bytes, vault.seal(ONE, &longest).unwrap().bytes, "no two sealings are alike");
}

#[test]
fn hashes_are_read_as_they_are_written_and_no_other_way() {
    assert_eq!(read_pseudonym("p:00000000000000a1"), Ok(ONE));
    for wrong in [
        "",
        "p:",
        "00000000000000a1",
        "p:a1",
        "p:00000000000000A1",
        "p:+0000000000000a1",
        "p:00000000000000a1 ",
    ] {
        assert!(read_pseudonym(wrong).is_err(), "{wrong}");
    }
}
