/**
 * The schema of `events.sqlite`, as numbered steps that only ever grow: `PRAGMA user_version` says how many have run.
 * A landed step is never edited. Rows carry `lane` and `principal` from the start: peers will have lanes of their own.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table sessions (
    id integer primary key,
    started_at integer not null,
    last_at integer not null,
    ended_at integer,
    end_reason text check (end_reason in ('idle', 'shutdown', 'crash')),
    lane text not null,
    principal text not null
  ) strict;

  create table inbound (
    seq integer primary key,
    channel text not null,
    message_id text not null,
    at integer not null,
    sender text not null,
    text text not null,
    state text not null default 'queued' check (state in ('queued', 'taken', 'answered', 'refused')),
    turn text,
    lane text not null,
    principal text not null,
    unique (channel, message_id)
  ) strict;
  create index inbound_by_state on inbound (state, seq);

  create table events (
    seq integer primary key,
    at integer not null,
    session integer not null references sessions (id),
    turn text,
    type text not null,
    ref text,
    payload text not null check (json_valid(payload)),
    lane text not null,
    principal text not null
  ) strict;
  create unique index events_once on events (type, ref) where ref is not null;
  create index events_by_turn on events (turn, seq);
  create index events_by_type on events (type, seq);

  create table bp_decisions (
    seq integer primary key,
    at integer not null,
    turn text,
    tool_use_id text,
    type text not null,
    outcome text not null check (outcome in ('allowed', 'blocked', 'operator')),
    blocked_by text not null check (json_valid(blocked_by)),
    reason text,
    rules_hash text not null,
    detail text,
    salt blob,
    detail_hash text not null,
    previous_hash text not null,
    hash text not null unique,
    lane text not null,
    principal text not null
  ) strict;

  create table memories (
    id integer primary key,
    at integer not null,
    key text not null,
    text text not null,
    source_events text not null check (json_valid(source_events)),
    taint text not null check (json_valid(taint)),
    superseded_by integer references memories (id),
    lane text not null,
    principal text not null
  ) strict;

  create table outbox (
    key text primary key,
    seq integer not null unique,
    at integer not null,
    channel text not null,
    turn text not null,
    reply_to text not null,
    text text not null,
    state text not null default 'pending' check (state in ('pending', 'sending', 'sent')),
    lane text not null,
    principal text not null
  ) strict;

  create index outbox_unsent on outbox (channel, seq) where state <> 'sent';

  create table spend (
    seq integer primary key,
    at integer not null,
    day text not null,
    turn text not null,
    kind text not null,
    ref text not null unique,
    micros integer not null check (micros >= 0),
    currency text not null,
    state text not null check (state in ('reserved', 'settled', 'released')),
    lane text not null,
    principal text not null
  ) strict;
  create index spend_by_turn on spend (turn);
  create index spend_by_day on spend (day);

  create table workspace_commits (
    seq integer primary key,
    at integer not null,
    sha text not null unique,
    kind text not null check (kind in ('turn', 'owner', 'undo')),
    turn text,
    subject text not null,
    files text not null check (json_valid(files)),
    undoes text
  ) strict;
  create unique index undone_once on workspace_commits (undoes) where undoes is not null;
  `,
  `
  create table budget_extensions (
    seq integer primary key,
    at integer not null,
    period text not null,
    micros integer not null check (micros > 0),
    granted_by text not null,
    message text unique,
    lane text not null,
    principal text not null
  ) strict;

  create table budget_warnings (
    period text primary key,
    at integer not null,
    turn text not null,
    lane text not null,
    principal text not null
  ) strict;
  `,
  `
  alter table inbound add column follow_up integer not null default 0 check (follow_up in (0, 1));
  `,
  // The workspace: commits of the kinds redo and restore. SQLite cannot change a check, so the table is made again.
  `
  create table workspace_commits_next (
    seq integer primary key,
    at integer not null,
    sha text not null unique,
    kind text not null check (kind in ('turn', 'owner', 'undo', 'redo', 'restore')),
    turn text,
    subject text not null,
    files text not null check (json_valid(files)),
    undoes text
  ) strict;
  insert into workspace_commits_next select seq, at, sha, kind, turn, subject, files, undoes from workspace_commits;
  drop table workspace_commits;
  alter table workspace_commits_next rename to workspace_commits;
  create unique index undone_once on workspace_commits (undoes) where undoes is not null;
  create index workspace_commits_by_turn on workspace_commits (turn) where turn is not null;
  `,
  `
  create table rule_anchor (
    id integer primary key check (id = 1),
    at integer not null,
    head text not null,
    count integer not null check (count > 0)
  ) strict;

  create table decision_heads (
    count integer primary key,
    at integer not null,
    hash text not null,
    signature text not null
  ) strict;
  `,
  `
  create table rule_positions (
    key text primary key,
    file_hash text not null,
    position integer not null check (position >= 0)
  ) strict;

  -- The check on outcome can only be widened by a new table.
  alter table bp_decisions rename to bp_decisions_before;
  create table bp_decisions (
    seq integer primary key,
    at integer not null,
    turn text,
    tool_use_id text,
    type text not null,
    outcome text not null check (outcome in ('allowed', 'blocked', 'ask', 'operator')),
    blocked_by text not null check (json_valid(blocked_by)),
    reason text,
    rules_hash text not null,
    rules_head text,
    positions text check (json_valid(positions)),
    detail text,
    salt blob,
    detail_hash text not null,
    previous_hash text not null,
    hash text not null unique,
    lane text not null,
    principal text not null
  ) strict;
  insert into bp_decisions (seq, at, turn, tool_use_id, type, outcome, blocked_by, reason, rules_hash, detail, salt,
    detail_hash, previous_hash, hash, lane, principal)
  select seq, at, turn, tool_use_id, type, outcome, blocked_by, reason, rules_hash, detail, salt,
    detail_hash, previous_hash, hash, lane, principal from bp_decisions_before;
  drop table bp_decisions_before;

  create table questions (
    seq integer primary key,
    at integer not null,
    turn text not null,
    tool_use_id text not null,
    channel text not null,
    summary text not null,
    digest text not null,
    code_hash text not null,
    state text not null default 'open' check (state in ('open', 'confirmed', 'denied')),
    answered_at integer,
    why text,
    lane text not null,
    principal text not null
  ) strict;
  create index questions_open on questions (state, seq);

  alter table outbox add column kind text not null default 'reply' check (kind in ('reply', 'question', 'notice'));
  `,
  `
  create table rule_proposals (
    seq integer primary key,
    at integer not null,
    name text not null,
    source text not null,
    examples text not null check (json_valid(examples)),
    sha256 text not null,
    does text not null,
    who text not null,
    intent text not null,
    channel text not null,
    code_hash text not null unique,
    state text not null default 'open' check (state in ('open', 'adding', 'added', 'refused')),
    lane text not null,
    principal text not null
  ) strict;
  create index rule_proposals_by_state on rule_proposals (state, seq);
  `,
  `
  create table channel_cursors (
    channel text primary key,
    cursor text not null,
    at integer not null
  ) strict;

  create table channel_store (
    channel text not null,
    key text not null,
    value text not null,
    primary key (channel, key)
  ) strict, without rowid;

  create table linked_identities (
    channel text not null,
    sender text not null,
    at integer not null,
    primary key (channel, sender)
  ) strict, without rowid;

  create table strangers (
    channel text not null,
    day text not null,
    sender text not null,
    recorded integer not null default 0,
    unrecorded integer not null default 0,
    primary key (channel, day, sender)
  ) strict, without rowid;

  alter table outbox add column recipient text;

  create table outbox_parts (
    key text primary key,
    reply text not null references outbox (key),
    number integer not null,
    text text not null,
    state text not null default 'pending' check (state in ('pending', 'sent', 'refused', 'unsure')),
    unsettled integer not null default 0 check (unsettled >= 0),
    service_id text,
    unique (reply, number)
  ) strict;

  create table attachments (
    channel text not null,
    message_id text not null,
    number integer not null,
    path text not null,
    name text not null,
    mime text not null,
    size integer not null,
    label text not null,
    refusal text,
    content blob,
    primary key (channel, message_id, number)
  ) strict;
  `,
  `
  create table file_labels (
    path text not null,
    label text not null,
    primary key (path, label)
  ) strict, without rowid;
  `,
  `
  create index inbound_by_turn on inbound (turn, seq) where turn is not null;
  create index bp_decisions_by_outcome on bp_decisions (outcome);
  `,
  `
  alter table rule_proposals add column asker text not null default 'owner' check (asker in ('owner', 'agent'));
  `,
]
