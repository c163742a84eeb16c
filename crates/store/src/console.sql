-- Version 2: who may use the console and the API. Times are of this machine's clock, in nanoseconds since
-- 1970-01-01T00:00:00Z. Of passwords, sessions and tokens only hashes are kept.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'clinical', 'analyst', 'admin')),
    -- PHC string; NULL for who signs in through an identity provider.
    password TEXT,
    issuer TEXT,
    subject TEXT,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    disabled INTEGER,
    seen INTEGER,
    UNIQUE (issuer, subject)
) STRICT;

-- `hash` is SHA-256 of the opaque token that the browser holds.
CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'clinical', 'analyst', 'admin')),
    created INTEGER NOT NULL,
    expires INTEGER,
    used INTEGER
) STRICT;
CREATE INDEX tokens_by_user ON tokens (user);

-- `value` is JSON.
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a decision about a finding took the place of, by the number of its entry in the audit log: to undo it.
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY,
    finding INTEGER NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    state_by TEXT NOT NULL,
    note TEXT,
    resolved_through INTEGER,
    suppressed_until INTEGER,
    suppressed_by TEXT,
    suppressed_because TEXT
) STRICT;
CREATE INDEX decisions_by_finding ON decisions (finding);

-- Lists in other orders, with what they are filtered by, so that what is passed over is not read; search in titles
-- without reading whole rows.
CREATE INDEX findings_by_last ON findings (last, id, severity, state, suppressed_until);
CREATE INDEX findings_by_first ON findings (first, id, severity, state, suppressed_until);
CREATE INDEX findings_by_rule ON findings (rule, severity, last, id, state, suppressed_until);
CREATE INDEX findings_titles ON findings (title);
CREATE INDEX assets_by_last ON assets (last, id);
CREATE INDEX assets_by_first ON assets (first, id);
CREATE INDEX assets_by_class ON assets (coalesce(class, ''), id);
CREATE INDEX conversations_in_order
    ON conversations (asset, ip, port, transport, location, coalesce(protocol, ''), direction);
CREATE INDEX conversations_by_peer ON conversations (ip);
CREATE INDEX vitals_by_bed ON vitals (asset, coalesce(bed, -1), last);
