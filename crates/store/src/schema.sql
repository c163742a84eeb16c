-- Version 1. Times are nanoseconds since 1970-01-01T00:00:00Z: of capture in everything that was seen, of this
-- machine's clock in `imports.at`, `findings.state_at`, `findings.suppressed_until` and `audit.at`.
-- Ids of assets and findings are those of the report, 64 bits.

-- A capture, by what is in it.
CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    frames INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first INTEGER,
    last INTEGER,
    faults INTEGER NOT NULL
) STRICT;

-- One scan's results. No capture belongs to two of them, so that sums over imports count nothing twice.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;

-- The captures of an import; `position` is what the evidence of its findings counts by.
CREATE TABLE import_captures (
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    capture INTEGER NOT NULL REFERENCES captures (id),
    PRIMARY KEY (import, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_captures_by_capture ON import_captures (capture);

-- An asset as it was judged last.
CREATE TABLE assets (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    medical INTEGER NOT NULL,
    class TEXT,
    maker TEXT,
    model TEXT,
    firmware TEXT,
    serial TEXT,
    confidence REAL NOT NULL,
    profile TEXT,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX assets_in_order ON assets (medical, last, id);

-- What an asset was seen to have, since when and until when. Merging is a union with the least first and the
-- greatest last, so captures may come in any order and more than once.
CREATE TABLE asset_traits (
    asset INTEGER NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    trait TEXT NOT NULL,
    value TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (asset, trait, value)
) STRICT, WITHOUT ROWID;

-- One row per matter, for as long as the store lives.
CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    asset INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    certainty INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    import INTEGER,
    state TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'false-positive', 'resolved')),
    state_at INTEGER NOT NULL,
    state_by TEXT NOT NULL,
    note TEXT,
    resolved_through INTEGER,
    reopened INTEGER NOT NULL DEFAULT 0,
    suppressed_until INTEGER,
    suppressed_by TEXT,
    suppressed_because TEXT
) STRICT;
CREATE INDEX findings_in_order ON findings (severity, last, id, state, suppressed_until);
CREATE INDEX findings_by_asset ON findings (asset, state, suppressed_until);

-- What each import says of a finding; the row of `findings` is their sum.
CREATE TABLE sightings (
    finding INTEGER NOT NULL,
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    severity INTEGER NOT NULL,
    certainty INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (finding, import)
) STRICT;
CREATE INDEX sightings_by_import ON sightings (import);

CREATE TABLE conversations (
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    asset INTEGER NOT NULL,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    location TEXT NOT NULL,
    protocol TEXT,
    direction TEXT NOT NULL,
    flows INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_by_asset ON conversations (asset, ip, port);
CREATE INDEX conversations_by_import ON conversations (import);

-- Vital signs in short: one row per bed, patient and import. A patient is a keyed hash or absent.
CREATE TABLE vitals (
    id INTEGER PRIMARY KEY,
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    asset INTEGER NOT NULL,
    bed INTEGER,
    patient TEXT CHECK (patient LIKE 'p:%'),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    cycles INTEGER NOT NULL
) STRICT;
CREATE INDEX vitals_by_asset ON vitals (asset, first);
CREATE INDEX vitals_by_import ON vitals (import);

CREATE TABLE numerics (
    vitals INTEGER NOT NULL REFERENCES vitals (id) ON DELETE CASCADE,
    vital TEXT NOT NULL,
    unit TEXT NOT NULL,
    least REAL NOT NULL,
    most REAL NOT NULL,
    latest REAL NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (vitals, vital)
) STRICT, WITHOUT ROWID;

-- What the integrity checks said of them.
CREATE TABLE integrity (
    vitals INTEGER NOT NULL REFERENCES vitals (id) ON DELETE CASCADE,
    asked TEXT NOT NULL,
    verdict TEXT NOT NULL,
    channel TEXT,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX integrity_by_vitals ON integrity (vitals, asked, first);

-- The audit log: a hash chain. `audit_head` tells when its end was cut off.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
