-- The vault: who the patients behind keyed hashes are, sealed (`vault/seal.rs`). Nothing here opens without a passphrase that is not
-- in the store. Empty where no site turned it on.

-- How the keys come from the passphrase, a value that tells a wrong one, and the keys, sealed. `id` changes when the key is rotated.
CREATE TABLE vault (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL CHECK (length(id) = 16),
    made INTEGER NOT NULL,
    rotated INTEGER,
    memory_kib INTEGER NOT NULL,
    passes INTEGER NOT NULL,
    lanes INTEGER NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    known BLOB NOT NULL CHECK (length(known) = 32),
    keys BLOB NOT NULL
) STRICT;

-- One row per keyed hash. `first` and `last` are capture time and bound by the seal; `kept` is when the row was written, by the clock.
CREATE TABLE vault_records (
    patient TEXT PRIMARY KEY CHECK (patient LIKE 'p:%'),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX vault_records_by_age ON vault_records (kept);
