-- Cosell's store on PostgreSQL, schema 1.
--
-- Conventions, everywhere:
--   * a moment is a BIGINT of microseconds since 1970, UTC:    to_timestamp(due / 1e6)
--   * structured values are JSON TEXT, which holds every character:  base::json
--   * a side is 'portal' (the referral's) or 'crm' (the opportunity's)
--   * what is looked up or ordered by is compared byte by byte, whatever the database's own order is

-- A linked pair (referral, opportunity). Either half may be missing for a while. The truth about links.
CREATE TABLE deal (
    id                TEXT COLLATE "C" PRIMARY KEY,
    crm_id            TEXT COLLATE "C" UNIQUE, -- the opportunity; at most one deal has it
    portal_id         TEXT COLLATE "C" UNIQUE, -- our own referral; at most one deal has it
    companion         TEXT COLLATE "C",        -- the other organisation's referral in the same engagement
    engagement        TEXT COLLATE "C",        -- what ties the referrals together
    born              TEXT NOT NULL CHECK (born IN ('portal', 'crm')),
    phase             TEXT NOT NULL CHECK (phase IN ('live', 'paused', 'finished')),
    created           BIGINT NOT NULL,
    updated           BIGINT NOT NULL,         -- when it was last committed
    rested            BIGINT,                  -- since when it is paused or finished, or null
    forgotten         BIGINT,                  -- finished, and its values were erased then: it is never read again
    absorbed_by       TEXT COLLATE "C",        -- the deal that it gave its record to, and is forgotten with
    companion_open    BOOLEAN NOT NULL,        -- the companion is known, and something may still be heard of it
    expires           BIGINT,                  -- when the referral expires that nobody of ours answered
    companion_expires BIGINT,                  -- when Microsoft's referral expires that Microsoft did not answer
    remapped          BOOLEAN NOT NULL,        -- something of it differs since the mapping changed
    companion_state   TEXT NOT NULL,           -- where the companion stood when last read, or null
    problems          TEXT NOT NULL,           -- [problem]: why it cannot go on without a person
    -- What it remembers of its last reconciliation. The long columns come last, so that short reads skip them.
    life              TEXT NOT NULL,           -- where each side stood, or null
    answered          TEXT NOT NULL,           -- what the response field said when the records were linked, or null
    versions          TEXT NOT NULL,           -- the newest version seen of each side
    reported          TEXT NOT NULL,           -- what was last written onto the opportunity as a report
    fuse              TEXT NOT NULL,           -- group -> chain of our own writes
    rejected          TEXT NOT NULL,           -- [value that a side refused]
    not_added         TEXT NOT NULL,           -- set -> when the CRM last added nobody for an element
    mapped            TEXT NOT NULL,           -- {under: the definitions of its bases, differs: group -> since when, life_differs}
    windows           TEXT NOT NULL,           -- group -> side -> when the present value came
    base              TEXT NOT NULL,           -- {groups: group -> side -> what it really held, ties: set -> who is who}
    companion_fields  TEXT NOT NULL,           -- field -> what was read of the companion
    stand_in          TEXT NOT NULL            -- the referral as last read, or null
);
CREATE INDEX deal_by_companion ON deal (companion) WHERE companion IS NOT NULL;
CREATE INDEX deal_by_absorber ON deal (absorbed_by) WHERE absorbed_by IS NOT NULL;
CREATE INDEX deal_by_engagement ON deal (engagement) WHERE engagement IS NOT NULL;
-- For looking at the companions that may still answer, round after round.
CREATE INDEX deal_by_open_companion ON deal (id) WHERE companion_open;
-- For counting without reading the rows.
CREATE INDEX deal_paired ON deal (id) WHERE crm_id IS NOT NULL AND portal_id IS NOT NULL;
CREATE INDEX deal_resting ON deal (phase) WHERE phase <> 'live';
-- For letting go of what resting deals remember.
CREATE INDEX deal_by_rest ON deal (phase, rested) WHERE phase <> 'live' AND forgotten IS NULL;
-- For passing over marks of deals that were closed and forgotten.
CREATE INDEX deal_forgotten ON deal (id) WHERE forgotten IS NOT NULL;
CREATE INDEX deal_troubled ON deal (id) WHERE problems <> '[]';
CREATE INDEX deal_remapped ON deal (id) WHERE remapped;

-- Referrals that a deal was linked with and is no more. Such a referral begets no second deal.
CREATE TABLE former_link (
    portal_id TEXT COLLATE "C" NOT NULL,
    deal      TEXT COLLATE "C" NOT NULL REFERENCES deal (id),
    until     BIGINT NOT NULL,
    PRIMARY KEY (portal_id, deal)
);

-- Referrals that are leads, and were brought to the CRM's own lead records.
CREATE TABLE lead (
    referral TEXT COLLATE "C" PRIMARY KEY,
    memory   TEXT NOT NULL -- {base: field -> side -> fingerprint of what it held, note: what a person was told}
);

-- Irreversible effects that wait for their time.
CREATE TABLE waiting_effect (
    deal       TEXT COLLATE "C" NOT NULL REFERENCES deal (id),
    place      BIGINT NOT NULL,           -- its place in the deal's list
    kind       TEXT COLLATE "C" NOT NULL, -- create, accept, decline, close, share, ask_help
    target     TEXT NOT NULL,             -- what it would do
    since      BIGINT NOT NULL,           -- when it was first wanted
    not_before BIGINT NOT NULL,           -- put off by the time that the service was away
    withdrawn  BOOLEAN NOT NULL,          -- a person took it back: it leaves only if a person sends it
    PRIMARY KEY (deal, place)
);

-- What people decided, with the exact values they were shown.
CREATE TABLE decision (
    id      BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    deal    TEXT COLLATE "C" NOT NULL REFERENCES deal (id),
    verdict TEXT NOT NULL,
    by      TEXT NOT NULL,
    at      BIGINT NOT NULL,
    mapping TEXT NOT NULL, -- the mapping's version under which it was shown
    ended   BIGINT,        -- null while it is open
    how     TEXT CHECK (how IN ('carried_out', 'handed_back', 'replaced')),
    CHECK ((ended IS NULL) = (how IS NULL))
);
CREATE INDEX decision_open ON decision (deal) WHERE ended IS NULL;
CREATE INDEX decision_by_deal ON decision (deal, id);

-- "Look here": at most one row for each deal, or for each referral that no deal has yet.
CREATE TABLE work (
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('deal', 'referral')),
    id           TEXT COLLATE "C" NOT NULL,
    lane         TEXT NOT NULL CHECK (lane IN ('now', 'background')),
    generation   BIGINT NOT NULL,  -- grows with each mark; only the claimed one may be cleared
    crm          BOOLEAN NOT NULL, -- read the opportunity
    portal       BOOLEAN NOT NULL, -- read the referral
    companion    BOOLEAN NOT NULL, -- read the companion
    due          BIGINT NOT NULL,
    heard        BIGINT NOT NULL,  -- when the oldest change in it was heard of
    attempts     BIGINT NOT NULL,  -- how often it failed in a row
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'leased')),
    wake         BIGINT NOT NULL,  -- when to look at the row: its due, or the end of its lease
    lease_owner  TEXT,
    lease_number BIGINT,           -- never used twice in the whole store
    lease_until  BIGINT,
    due_since    BIGINT,           -- the earliest due of the marks that came since it was leased
    heard_since  BIGINT,           -- and when the oldest of them was heard of
    awaits_stamp BIGINT,           -- the newest stamp of the opportunity that was told of: an older read is made again,
    awaits_until BIGINT,           -- until then
    awaits_again BIGINT,           -- when to read once more for what was told without a stamp
    PRIMARY KEY (kind, id)
);
-- A row is made 'ready' once, when its time has come, so that rows that wait never stand before rows that are due.
CREATE INDEX work_by_wake ON work (state, wake);
CREATE INDEX work_ready ON work (lane, heard, due) WHERE state = 'ready';
CREATE UNIQUE INDEX work_by_lease ON work (lease_number) WHERE lease_number IS NOT NULL;

-- Remote effects that must happen once, written down before they are sent.
CREATE TABLE intent (
    id          TEXT COLLATE "C" PRIMARY KEY,
    deal        TEXT COLLATE "C" NOT NULL,                    -- may be written before the deal's own first commit
    kind        TEXT COLLATE "C" NOT NULL,                    -- create, create-companion, patch, crm-write
    key         TEXT COLLATE "C" NOT NULL,                    -- what finds the effect again
    made        BIGINT NOT NULL,
    send_before BIGINT NOT NULL,
    server_date BIGINT,
    outcome     TEXT CHECK (outcome IN ('done', 'not_done')), -- null: doubtful
    record      TEXT,                                         -- the record that came of it
    ended       BIGINT
);
CREATE INDEX intent_open ON intent (deal) WHERE outcome IS NULL;

-- Keys that seal what archive and history hold, one in use for each subject: 'deal ID', or 'referral ID' for a referral
-- that became none. Destroyed, all that it sealed is unreadable for ever.
CREATE TABLE data_key (
    subject   TEXT COLLATE "C" NOT NULL,
    number    BIGINT NOT NULL, -- from 1; the next one is drawn when this one was destroyed
    wrapped   BYTEA,           -- 1, then the key sealed by the operator's; or 0, then the key
    made      BIGINT NOT NULL,
    destroyed BIGINT,
    PRIMARY KEY (subject, number),
    CHECK ((wrapped IS NULL) = (destroyed IS NOT NULL))
);

-- Values that lost, kept before the winning ones were sent.
CREATE TABLE archive (
    id       BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    deal     TEXT COLLATE "C" NOT NULL, -- may be written before the deal's own first commit
    at       BIGINT NOT NULL,
    group_id TEXT NOT NULL,
    side     TEXT NOT NULL,
    key      BIGINT NOT NULL,           -- the number of the deal's key that sealed it
    sealed   BYTEA NOT NULL             -- the value, why it lost, and the version of the record that held it
);
CREATE INDEX archive_by_deal ON archive (deal, id);
CREATE INDEX archive_by_age ON archive (at);

-- History, line by line: of a deal, or of a referral that became none.
CREATE TABLE audit (
    id      BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    subject TEXT COLLATE "C" NOT NULL, -- 'deal ID' or 'referral ID'
    number  BIGINT NOT NULL,           -- its place in the subject's chain, from 1
    at      BIGINT NOT NULL,
    what    TEXT NOT NULL,
    side    TEXT,                      -- the side that was written, if one was
    groups  TEXT NOT NULL,             -- [group]
    took_ms BIGINT,                    -- from hearing of the change to the answer of its write
    mapping TEXT NOT NULL,
    key     BIGINT NOT NULL,           -- the number of the subject's key that sealed the sentence
    sealed  BYTEA NOT NULL,            -- the sentence
    link    BYTEA NOT NULL,            -- SHA-256 over the link before it and all columns but id
    UNIQUE (subject, number)
);
CREATE INDEX audit_by_age ON audit (at);
CREATE INDEX audit_timed ON audit (id, took_ms) WHERE took_ms IS NOT NULL;

-- The head of each subject's history.
CREATE TABLE chain (
    subject TEXT COLLATE "C" PRIMARY KEY,
    length  BIGINT NOT NULL, -- lines that were ever written
    link    BYTEA NOT NULL,  -- of the last of them
    pruned  BIGINT NOT NULL, -- lines at the beginning that their time has taken
    anchor  BYTEA NOT NULL   -- the link of the last of those, or zeros
);

-- How far each source has been read, in the source's own words.
CREATE TABLE cursor (
    source   TEXT COLLATE "C" PRIMARY KEY,
    position TEXT NOT NULL
);

-- Named leases: a source's reader, an account key, a refresh token.
CREATE TABLE lease (
    name   TEXT COLLATE "C" PRIMARY KEY,
    owner  TEXT NOT NULL,
    number BIGINT NOT NULL,
    until  BIGINT NOT NULL
);

-- Every referral that was heard of, for births. Holds no value that a person typed.
CREATE TABLE referral_index (
    referral   TEXT COLLATE "C" PRIMARY KEY,
    engagement TEXT COLLATE "C",
    ours       BOOLEAN NOT NULL, -- whether our own organisation owns it
    companion  BOOLEAN NOT NULL, -- whether Microsoft owns it; another partner's is neither
    external   TEXT COLLATE "C", -- fingerprint of its normalised external reference
    open       BOOLEAN NOT NULL, -- neither closed nor expired
    created    BIGINT NOT NULL,  -- by its server's clock
    updated    BIGINT NOT NULL   -- its version's stamp; the newest is kept
);
CREATE INDEX referral_by_external ON referral_index (external) WHERE external IS NOT NULL;
CREATE INDEX referral_by_engagement ON referral_index (engagement) WHERE engagement IS NOT NULL;

-- Irreversible effects and clears that left, for the brake; pruned when they are older than its window.
-- One deal counts once: a repeated attempt is no second effect.
CREATE TABLE brake_event (
    kind TEXT COLLATE "C" NOT NULL,
    deal TEXT COLLATE "C" NOT NULL,
    at   BIGINT NOT NULL,
    PRIMARY KEY (kind, deal)
);

-- Brakes that hold until a person releases them.
CREATE TABLE brake_hold (
    kind  TEXT COLLATE "C" PRIMARY KEY,
    since BIGINT NOT NULL
);
CREATE TABLE brake_hold_deal (
    kind TEXT COLLATE "C" NOT NULL REFERENCES brake_hold (kind) ON DELETE CASCADE,
    deal TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, deal)
);
-- Who released which brake.
CREATE TABLE brake_release (
    id   BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    kind TEXT COLLATE "C" NOT NULL,
    by   TEXT NOT NULL,
    at   BIGINT NOT NULL
);

-- What the platforms said about their own allowances.
CREATE TABLE budget (
    platform      TEXT COLLATE "C" PRIMARY KEY,
    used          BIGINT,
    allowed       BIGINT,
    told_at       BIGINT, -- the answer's own date
    heard_at      BIGINT, -- when it came
    sounded_at    BIGINT, -- when a call last went to find out whether more is free
    paused_until  BIGINT, -- only grows
    counted_until BIGINT  -- the end of the last pause that was asked for because the server counts
);

-- Calls of an allowance that a process may begin, or has begun and the server has not been heard to count.
CREATE TABLE loan (
    platform TEXT COLLATE "C" NOT NULL,
    borrower TEXT COLLATE "C" NOT NULL,
    lane     TEXT COLLATE "C" NOT NULL,
    calls    BIGINT NOT NULL,
    ends     BIGINT NOT NULL,
    PRIMARY KEY (platform, borrower, lane)
);

-- Refresh tokens, sealed: 12 bytes of nonce, then the AES-256-GCM text with its tag.
CREATE TABLE token (
    name         TEXT COLLATE "C" PRIMARY KEY,
    sealed       BYTEA NOT NULL,
    version      BIGINT NOT NULL,
    stored_at    BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL, -- when a person, or the configuration, last signed in
    account      TEXT,            -- who that was, for the person's own eyes
    challenge    TEXT             -- what the next sign-in must satisfy ("claims")
);

-- What this store is bound to, for ever: one Salesforce org and one tenant.
CREATE TABLE connection (
    kind     TEXT COLLATE "C" PRIMARY KEY CHECK (kind IN ('Salesforce org', 'tenant')),
    identity TEXT NOT NULL
);

-- Problems of a whole connection, not of one deal.
CREATE TABLE connection_problem (
    key       TEXT COLLATE "C" PRIMARY KEY,
    sentence  TEXT NOT NULL,
    next_step TEXT NOT NULL,
    since     BIGINT NOT NULL
);
-- When each connection was last seen to work.
CREATE TABLE connection_worked (
    key TEXT COLLATE "C" PRIMARY KEY,
    at  BIGINT NOT NULL,
    saw TEXT NOT NULL -- what was seen, for a person
);

-- Places of the referral that the portal was seen to refuse changes of: written at creation only. They are forgotten when
-- the mapping changes, or when a person releases them.
CREATE TABLE fixed_path (
    path     TEXT COLLATE "C" PRIMARY KEY, -- a JSON pointer
    group_id TEXT NOT NULL,
    mapping  TEXT NOT NULL,                -- the mapping's version under which it was refused
    since    BIGINT NOT NULL
);

-- What was found out about the org: its options as last seen, and how it took the trial writes of a check.
CREATE TABLE org_fact (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL,
    at    BIGINT NOT NULL
);

-- What operators paused, and how each pause ended.
CREATE TABLE pause (
    id          BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    scope       TEXT NOT NULL, -- all, flow:NAME, deal:ID
    by          TEXT NOT NULL,
    why         TEXT,
    since       BIGINT NOT NULL,
    resumed     BIGINT,        -- null while it is paused
    resumed_by  TEXT,
    resumed_why TEXT,
    CHECK ((resumed IS NULL) = (resumed_by IS NULL))
);
CREATE UNIQUE INDEX pause_open ON pause (scope) WHERE resumed IS NULL;
CREATE INDEX pause_by_end ON pause (resumed) WHERE resumed IS NOT NULL;

-- How all deals stood at a time. Holds no value of theirs.
CREATE TABLE proof (
    id      BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    began   BIGINT NOT NULL,
    ended   BIGINT NOT NULL,
    mapping TEXT NOT NULL, -- the mapping's version
    by      TEXT NOT NULL,
    deals   BIGINT NOT NULL,
    counts  TEXT NOT NULL, -- standing -> how many; they add up to deals
    first   TEXT NOT NULL  -- [{deal, standing, fields}]: the first that are not simply equal
);

-- Single numbers: 'heartbeat' (some worker was last alive).
CREATE TABLE meta (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Numbers of leases: none is ever given twice, whatever becomes of the transaction that drew it.
CREATE SEQUENCE lease_number;

-- The schema's version, and a word by which a foreign database is told from ours.
CREATE TABLE cosell_schema (
    version BIGINT NOT NULL
);

-- No statistics of what a person may have typed, nor of what opens it: the server keeps samples of the rows there, and
-- forgetting does not reach them.
ALTER TABLE deal
    ALTER problems SET STATISTICS 0,
    ALTER life SET STATISTICS 0,
    ALTER answered SET STATISTICS 0,
    ALTER versions SET STATISTICS 0,
    ALTER reported SET STATISTICS 0,
    ALTER fuse SET STATISTICS 0,
    ALTER rejected SET STATISTICS 0,
    ALTER not_added SET STATISTICS 0,
    ALTER mapped SET STATISTICS 0,
    ALTER windows SET STATISTICS 0,
    ALTER base SET STATISTICS 0,
    ALTER companion_fields SET STATISTICS 0,
    ALTER companion_state SET STATISTICS 0,
    ALTER stand_in SET STATISTICS 0;
ALTER TABLE lead ALTER memory SET STATISTICS 0;
ALTER TABLE waiting_effect ALTER target SET STATISTICS 0;
ALTER TABLE decision ALTER verdict SET STATISTICS 0, ALTER by SET STATISTICS 0;
ALTER TABLE data_key ALTER wrapped SET STATISTICS 0;
ALTER TABLE archive ALTER sealed SET STATISTICS 0;
ALTER TABLE audit ALTER sealed SET STATISTICS 0;
ALTER TABLE cursor ALTER position SET STATISTICS 0;
ALTER TABLE brake_release ALTER by SET STATISTICS 0;
ALTER TABLE token ALTER sealed SET STATISTICS 0, ALTER account SET STATISTICS 0;
ALTER TABLE connection_problem ALTER sentence SET STATISTICS 0, ALTER next_step SET STATISTICS 0;
ALTER TABLE connection_worked ALTER saw SET STATISTICS 0;
ALTER TABLE pause
    ALTER by SET STATISTICS 0,
    ALTER why SET STATISTICS 0,
    ALTER resumed_by SET STATISTICS 0,
    ALTER resumed_why SET STATISTICS 0;
ALTER TABLE proof ALTER by SET STATISTICS 0;
