-- Cosell's store, schema 1.
--
-- Read it with `sqlite3 -readonly STORE`. Conventions, everywhere:
--   * a moment is an INTEGER of microseconds since 1970, UTC:  datetime(due / 1000000, 'unixepoch')
--   * structured values are JSON TEXT:                         json_extract(base, '$.groups.money')
--   * a side is 'portal' (the referral's) or 'crm' (the opportunity's)
--   * a flag is 0 or 1

-- A linked pair (referral, opportunity). Either half may be missing for a while. The truth about links.
CREATE TABLE deal (
    id               TEXT PRIMARY KEY,
    crm_id           TEXT UNIQUE,              -- the opportunity; at most one deal has it
    portal_id        TEXT UNIQUE,              -- our own referral; at most one deal has it
    companion        TEXT,                     -- the other organisation's referral in the same engagement
    engagement       TEXT,                     -- what ties the referrals together
    born             TEXT NOT NULL CHECK (born IN ('portal', 'crm')),
    phase            TEXT NOT NULL CHECK (phase IN ('live', 'paused', 'finished')),
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,         -- when it was last committed
    rested           INTEGER,                  -- since when it is paused or finished, or null
    forgotten        INTEGER,                  -- finished, and its values were erased then: it is never read again
    absorbed_by      TEXT,                     -- the deal that it gave its record to, and is forgotten with
    companion_open   INTEGER NOT NULL,         -- the companion is known, and something may still be heard of it
    companion_state  TEXT NOT NULL,            -- where the companion stood when last read, or null
    problems         TEXT NOT NULL,            -- [problem]: why it cannot go on without a person
    -- What it remembers of its last reconciliation. The long columns come last, so that short reads skip them.
    life             TEXT NOT NULL,            -- where each side stood, or null
    answered         TEXT NOT NULL,            -- what the response field said when the records were linked, or null
    versions         TEXT NOT NULL,            -- the newest version seen of each side
    reported         TEXT NOT NULL,            -- what was last written onto the opportunity as a report
    fuse             TEXT NOT NULL,            -- group -> chain of our own writes
    rejected         TEXT NOT NULL,            -- [value that a side refused]
    not_added        TEXT NOT NULL,            -- set -> when the CRM last added nobody for an element
    mapped           TEXT NOT NULL,            -- {under: the definitions of its bases, differs: group -> since when, life_differs}
    windows          TEXT NOT NULL,            -- group -> side -> when the present value came
    base             TEXT NOT NULL,            -- {groups: group -> side -> what it really held, ties: set -> who is who}
    companion_fields TEXT NOT NULL,            -- field -> what was read of the companion
    stand_in         TEXT NOT NULL             -- the referral as last read, or null
) STRICT;
CREATE INDEX deal_by_companion ON deal (companion) WHERE companion IS NOT NULL;
CREATE INDEX deal_by_absorber ON deal (absorbed_by) WHERE absorbed_by IS NOT NULL;
CREATE INDEX deal_by_engagement ON deal (engagement) WHERE engagement IS NOT NULL;
-- For looking at the companions that may still answer, round after round.
CREATE INDEX deal_by_open_companion ON deal (id) WHERE companion_open = 1;
-- For counting without reading the rows.
CREATE INDEX deal_paired ON deal (id) WHERE crm_id IS NOT NULL AND portal_id IS NOT NULL;
CREATE INDEX deal_resting ON deal (phase) WHERE phase <> 'live';
-- For letting go of what resting deals remember.
CREATE INDEX deal_by_rest ON deal (phase, rested) WHERE phase <> 'live' AND forgotten IS NULL;
CREATE INDEX deal_troubled ON deal (id) WHERE problems <> '[]';
CREATE INDEX deal_remapped ON deal (id)
    WHERE mapped ->> '$.differs' <> '{}' OR mapped ->> '$.life_differs' IS NOT NULL;

-- Referrals that a deal was linked with and is no more. Such a referral begets no second deal.
CREATE TABLE former_link (
    portal_id TEXT NOT NULL,
    deal      TEXT NOT NULL REFERENCES deal (id),
    until     INTEGER NOT NULL,
    PRIMARY KEY (portal_id, deal)
) STRICT, WITHOUT ROWID;

-- Referrals that are leads, and were brought to the CRM's own lead records.
CREATE TABLE lead (
    referral TEXT PRIMARY KEY,
    memory   TEXT NOT NULL                     -- {base: field -> side -> fingerprint of what it held, note: what a person was told}
) STRICT, WITHOUT ROWID;

-- Irreversible effects that wait for their time.
CREATE TABLE waiting_effect (
    deal       TEXT NOT NULL REFERENCES deal (id),
    place      INTEGER NOT NULL,               -- its place in the deal's list
    kind       TEXT NOT NULL,                  -- create, accept, decline, close, share, ask_help
    target     TEXT NOT NULL,                  -- what it would do
    since      INTEGER NOT NULL,               -- when it was first wanted
    not_before INTEGER NOT NULL,               -- put off by the time that the service was away
    withdrawn  INTEGER NOT NULL,               -- a person took it back: it leaves only if a person sends it
    PRIMARY KEY (deal, place)
) STRICT, WITHOUT ROWID;

-- What people decided, with the exact values they were shown.
CREATE TABLE decision (
    id       INTEGER PRIMARY KEY,
    deal     TEXT NOT NULL REFERENCES deal (id),
    verdict  TEXT NOT NULL,
    by       TEXT NOT NULL,
    at       INTEGER NOT NULL,
    mapping  TEXT NOT NULL,                    -- the mapping's version under which it was shown
    ended    INTEGER,                          -- null while it is open
    how      TEXT CHECK (how IN ('carried_out', 'handed_back', 'replaced')),
    CHECK ((ended IS NULL) = (how IS NULL))
) STRICT;
CREATE INDEX decision_open ON decision (deal) WHERE ended IS NULL;
CREATE INDEX decision_by_deal ON decision (deal, id);

-- "Look here": at most one row for each deal, or for each referral that no deal has yet.
CREATE TABLE work (
    kind         TEXT NOT NULL CHECK (kind IN ('deal', 'referral')),
    id           TEXT NOT NULL,
    lane         TEXT NOT NULL CHECK (lane IN ('now', 'background')),
    generation   INTEGER NOT NULL,             -- grows with each mark; only the claimed one may be cleared
    crm          INTEGER NOT NULL,             -- read the opportunity
    portal       INTEGER NOT NULL,             -- read the referral
    companion    INTEGER NOT NULL,             -- read the companion
    due          INTEGER NOT NULL,
    heard        INTEGER NOT NULL,             -- when the oldest change in it was heard of
    attempts     INTEGER NOT NULL,             -- how often it failed in a row
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'leased')),
    wake         INTEGER NOT NULL,             -- when to look at the row: its due, or the end of its lease
    lease_owner  TEXT,
    lease_number INTEGER,                      -- never used twice in the whole store
    lease_until  INTEGER,
    due_since    INTEGER,                      -- the earliest due of the marks that came since it was leased
    heard_since  INTEGER,                      -- and when the oldest of them was heard of
    awaits_stamp INTEGER,                      -- the newest stamp of the opportunity that was told of: an older read is made again,
    awaits_until INTEGER,                      -- until then
    awaits_again INTEGER,                      -- when to read once more for what was told without a stamp
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
-- A row is made 'ready' once, when its time has come, so that rows that wait never stand before rows that are due.
CREATE INDEX work_by_wake ON work (state, wake);
CREATE INDEX work_ready ON work (lane, heard, due) WHERE state = 'ready';
CREATE UNIQUE INDEX work_by_lease ON work (lease_number) WHERE lease_number IS NOT NULL;

-- Remote effects that must happen once, written down before they are sent.
CREATE TABLE intent (
    id          TEXT PRIMARY KEY,
    deal        TEXT NOT NULL,                 -- may be written before the deal's own first commit
    kind        TEXT NOT NULL,                 -- create, create-companion, patch, crm-write
    key         TEXT NOT NULL,                 -- what finds the effect again
    made        INTEGER NOT NULL,
    send_before INTEGER NOT NULL,
    server_date INTEGER,
    outcome     TEXT CHECK (outcome IN ('done', 'not_done')), -- null: doubtful
    record      TEXT,                          -- the record that came of it
    ended       INTEGER
) STRICT;
CREATE INDEX intent_open ON intent (deal) WHERE outcome IS NULL;

-- Keys that seal what archive and history hold, one in use for each subject: 'deal ID', or 'referral ID' for a referral
-- that became none. Destroyed, all that it sealed is unreadable for ever.
CREATE TABLE data_key (
    subject   TEXT NOT NULL,
    number    INTEGER NOT NULL,                -- from 1; the next one is drawn when this one was destroyed
    wrapped   BLOB,                            -- 1, then the key sealed by the operator's; or 0, then the key
    made      INTEGER NOT NULL,
    destroyed INTEGER,
    PRIMARY KEY (subject, number),
    CHECK ((wrapped IS NULL) = (destroyed IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Values that lost, kept before the winning ones were sent.
CREATE TABLE archive (
    id       INTEGER PRIMARY KEY,
    deal     TEXT NOT NULL,                    -- may be written before the deal's own first commit
    at       INTEGER NOT NULL,
    group_id TEXT NOT NULL,
    side     TEXT NOT NULL,
    key      INTEGER NOT NULL,                 -- the number of the deal's key that sealed it
    sealed   BLOB NOT NULL                     -- the value, why it lost, and the version of the record that held it
) STRICT;
CREATE INDEX archive_by_deal ON archive (deal, id);
CREATE INDEX archive_by_age ON archive (at);

-- History, line by line: of a deal, or of a referral that became none.
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    subject  TEXT NOT NULL,                    -- 'deal ID' or 'referral ID'
    number   INTEGER NOT NULL,                 -- its place in the subject's chain, from 1
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL,
    side     TEXT,                             -- the side that was written, if one was
    groups   TEXT NOT NULL,                    -- [group]
    took_ms  INTEGER,                          -- from hearing of the change to the answer of its write
    mapping  TEXT NOT NULL,
    key      INTEGER NOT NULL,                 -- the number of the subject's key that sealed the sentence
    sealed   BLOB NOT NULL,                    -- the sentence
    link     BLOB NOT NULL,                    -- SHA-256 over the link before it and all columns but id
    UNIQUE (subject, number)
) STRICT;
CREATE INDEX audit_by_age ON audit (at);
CREATE INDEX audit_timed ON audit (id, took_ms) WHERE took_ms IS NOT NULL;

-- The head of each subject's history.
CREATE TABLE chain (
    subject TEXT PRIMARY KEY,
    length  INTEGER NOT NULL,                  -- lines that were ever written
    link    BLOB NOT NULL,                     -- of the last of them
    pruned  INTEGER NOT NULL,                  -- lines at the beginning that their time has taken
    anchor  BLOB NOT NULL                      -- the link of the last of those, or zeros
) STRICT, WITHOUT ROWID;

-- How far each source has been read, in the source's own words.
CREATE TABLE cursor (
    source   TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Named leases: a source's reader, an account key, a refresh token.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    owner  TEXT NOT NULL,
    number INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every referral that was heard of, for births. Holds no value that a person typed.
CREATE TABLE referral_index (
    referral   TEXT PRIMARY KEY,
    engagement TEXT,
    ours       INTEGER NOT NULL,               -- whether our own organisation owns it
    companion  INTEGER NOT NULL,               -- whether Microsoft owns it; another partner's is neither
    external   TEXT,                           -- fingerprint of its normalised external reference
    open       INTEGER NOT NULL,               -- neither closed nor expired
    created    INTEGER NOT NULL,               -- by its server's clock
    updated    INTEGER NOT NULL                -- its version's stamp; the newest is kept
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_by_external ON referral_index (external) WHERE external IS NOT NULL;
CREATE INDEX referral_by_engagement ON referral_index (engagement) WHERE engagement IS NOT NULL;

-- Irreversible effects and clears that left, for the brake; pruned when they are older than its window.
-- One deal counts once: a repeated attempt is no second effect.
CREATE TABLE brake_event (
    kind TEXT NOT NULL,
    deal TEXT NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (kind, deal)
) STRICT, WITHOUT ROWID;

-- Brakes that hold until a person releases them.
CREATE TABLE brake_hold (
    kind  TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE brake_hold_deal (
    kind TEXT NOT NULL REFERENCES brake_hold (kind) ON DELETE CASCADE,
    deal TEXT NOT NULL,
    PRIMARY KEY (kind, deal)
) STRICT, WITHOUT ROWID;
-- Who released which brake.
CREATE TABLE brake_release (
    id   INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    by   TEXT NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

-- What the platforms said about their own allowances.
CREATE TABLE budget (
    platform      TEXT PRIMARY KEY,
    used          INTEGER,
    allowed       INTEGER,
    told_at       INTEGER, -- the answer's own date
    heard_at      INTEGER, -- when it came
    sounded_at    INTEGER, -- when a call last went to find out whether more is free
    paused_until  INTEGER, -- only grows
    counted_until INTEGER  -- the end of the last pause that was asked for because the server counts
) STRICT, WITHOUT ROWID;

-- Calls of an allowance that a process may begin, or has begun and the server has not been heard to count.
CREATE TABLE loan (
    platform TEXT NOT NULL,
    borrower TEXT NOT NULL,
    lane     TEXT NOT NULL,
    calls    INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    PRIMARY KEY (platform, borrower, lane)
) STRICT, WITHOUT ROWID;

-- Refresh tokens, sealed: 12 bytes of nonce, then the AES-256-GCM text with its tag.
CREATE TABLE token (
    name         TEXT PRIMARY KEY,
    sealed       BLOB NOT NULL,
    version      INTEGER NOT NULL,
    stored_at    INTEGER NOT NULL,
    signed_in_at INTEGER NOT NULL,             -- when a person, or the configuration, last signed in
    account      TEXT,                         -- who that was, for the person's own eyes
    challenge    TEXT                          -- what the next sign-in must satisfy ("claims")
) STRICT, WITHOUT ROWID;

-- What this store is bound to, for ever: one Salesforce org and one tenant.
CREATE TABLE connection (
    kind     TEXT PRIMARY KEY CHECK (kind IN ('Salesforce org', 'tenant')),
    identity TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Problems of a whole connection, not of one deal.
CREATE TABLE connection_problem (
    key       TEXT PRIMARY KEY,
    sentence  TEXT NOT NULL,
    next_step TEXT NOT NULL,
    since     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- When each connection was last seen to work.
CREATE TABLE connection_worked (
    key TEXT PRIMARY KEY,
    at  INTEGER NOT NULL,
    saw TEXT NOT NULL                          -- what was seen, for a person
) STRICT, WITHOUT ROWID;

-- Places of the referral that the portal was seen to refuse changes of: written at creation only. They are forgotten when
-- the mapping changes, or when a person releases them.
CREATE TABLE fixed_path (
    path     TEXT PRIMARY KEY,                 -- a JSON pointer
    group_id TEXT NOT NULL,
    mapping  TEXT NOT NULL,                    -- the mapping's version under which it was refused
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was found out about the org: its options as last seen, and how it took the trial writes of a check.
CREATE TABLE org_fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What operators paused, and how each pause ended.
CREATE TABLE pause (
    id          INTEGER PRIMARY KEY,
    scope       TEXT NOT NULL,                 -- all, flow:NAME, deal:ID
    by          TEXT NOT NULL,
    why         TEXT,
    since       INTEGER NOT NULL,
    resumed     INTEGER,                       -- null while it is paused
    resumed_by  TEXT,
    resumed_why TEXT,
    CHECK ((resumed IS NULL) = (resumed_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX pause_open ON pause (scope) WHERE resumed IS NULL;
CREATE INDEX pause_by_end ON pause (resumed) WHERE resumed IS NOT NULL;

-- How all deals stood at a time. Holds no value of theirs.
CREATE TABLE proof (
    id      INTEGER PRIMARY KEY,
    began   INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    mapping TEXT NOT NULL,                     -- the mapping's version
    by      TEXT NOT NULL,
    deals   INTEGER NOT NULL,
    counts  TEXT NOT NULL,                     -- standing -> how many; they add up to deals
    first   TEXT NOT NULL                      -- [{deal, standing, fields}]: the first that are not simply equal
) STRICT;

-- Single numbers: 'heartbeat' (the service was last alive), 'fence' (the last lease number given),
-- 'turn' (work rows offered so far, which shares few places fairly between the lanes).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
