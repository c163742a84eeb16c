-- Live watches. One import is one period of one watch: its rows are brought up to date as the watch goes on.

-- Names the period of a watch (`live:INTERFACE:START`); none for a scan. The period's one capture has the same name in
-- `captures.sha256`, since what goes on has no hash.
ALTER TABLE imports ADD COLUMN watch TEXT;
-- When a period came to its end in order, by the clock; none for scans, periods that go on, and watches that were killed.
ALTER TABLE imports ADD COLUMN ended INTEGER;
CREATE UNIQUE INDEX imports_by_watch ON imports (watch) WHERE watch IS NOT NULL;

-- What an import could not see, in sentences.
CREATE TABLE blind_spots (
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (import, position)
) STRICT, WITHOUT ROWID;

-- Vital signs of a watch, some minutes a row.
CREATE TABLE trends (
    import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    asset INTEGER NOT NULL,
    bed INTEGER,
    patient TEXT CHECK (patient LIKE 'p:%'),
    vital TEXT NOT NULL,
    unit TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    least REAL NOT NULL,
    most REAL NOT NULL,
    latest REAL NOT NULL,
    samples INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX trends_by_asset ON trends (asset, first, coalesce(bed, -1), coalesce(patient, ''), vital);
CREATE INDEX trends_by_import ON trends (import);

-- How each sensor did when it last wrote: `body` is its `sensor` line.
CREATE TABLE sensors (
    name TEXT PRIMARY KEY,
    watch TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
