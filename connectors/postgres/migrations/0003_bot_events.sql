-- What trading bots said, as it was received and taken apart, by day and instance. Every row stands in `events`
-- too, and event_dedup keeps its event_id unique; written by the coordinator alone.

CREATE TABLE bot_events (
  ts_utc                   timestamptz NOT NULL,
  instance_name            text        NOT NULL,
  event_id                 uuid        NOT NULL,
  event_type               text        NOT NULL,
  event_version            int         NOT NULL,
  producer                 text        NOT NULL,
  controller_id            text        NOT NULL,
  connector_name           text        NOT NULL,
  trading_pair             text        NOT NULL,
  correlation_id           uuid        NOT NULL,
  causation_id             uuid,
  payload                  jsonb       NOT NULL,
  -- The bytes as they were received, and what they are: the JSON of the event, or its Avro record.
  raw                      bytea       NOT NULL,
  raw_format               text        NOT NULL CHECK (raw_format IN ('json', 'avro')),
  -- SHA-256, first half, of what the event says: tells a repeat from a conflict.
  content_hash             bytea       NOT NULL,
  ingest_ts_utc            timestamptz NOT NULL DEFAULT now(),
  ingest_source            text        NOT NULL,
  schema_validation_status text        NOT NULL CHECK (schema_validation_status IN ('valid', 'backfilled')),
  -- Readers of a correlation sort by ts_utc and then by this.
  ingest_order             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  source_topic             text        NOT NULL,
  source_partition         int         NOT NULL,
  source_offset            bigint      NOT NULL,
  -- `id/incarnation` and number of who sent it, where it says so.
  producer_id              text,
  producer_sequence        bigint,
  PRIMARY KEY (ts_utc, instance_name, event_id)
) PARTITION BY RANGE (ts_utc);

CREATE INDEX bot_events_correlation ON bot_events (correlation_id);

-- Days that have no partition of their own: archived ones, and more days than are made.
CREATE TABLE bot_events_other PARTITION OF bot_events DEFAULT;

-- Events that were seen and not stored: said before, said before with another content, or against the rules.
CREATE TABLE bot_not_stored (
  source_topic             text        NOT NULL,
  source_partition         int         NOT NULL,
  source_offset            bigint      NOT NULL,
  outcome                  text        NOT NULL CHECK (outcome IN ('duplicate', 'conflict', 'invalid')),
  schema_validation_status text        NOT NULL
    CHECK (schema_validation_status IN ('valid', 'backfilled', 'invalid')),
  event_id                 text,
  event_type               text,
  instance_name            text,
  ts_utc                   timestamptz,
  field                    text,
  code                     text,
  message                  text,
  correlation_missing      boolean     NOT NULL,
  ingest_ts_utc            timestamptz NOT NULL DEFAULT now(),
  ingest_source            text        NOT NULL,
  producer_id              text,
  producer_sequence        bigint,
  -- Null for a duplicate: the first one is kept.
  raw                      bytea,
  PRIMARY KEY (source_topic, source_partition, source_offset)
);
CREATE INDEX bot_not_stored_time ON bot_not_stored (coalesce(ts_utc, ingest_ts_utc));

-- What each producer says it sent, and what of it came. Bookkeeping of the sink, as `positions` is.
CREATE TABLE bot_producers (
  topic         text          NOT NULL,
  partition     int           NOT NULL,
  producer_id   text          NOT NULL,
  -- Sequences that came.
  held          int8multirange NOT NULL DEFAULT '{}',
  -- Highest sequence the producer says was acknowledged; 0 where it says nothing.
  declared      bigint        NOT NULL DEFAULT 0,
  -- Records that came more than once under the same sequence.
  redelivered   bigint        NOT NULL DEFAULT 0,
  instance_name text,
  first_ts_utc  timestamptz,
  last_ts_utc   timestamptz,
  PRIMARY KEY (topic, partition, producer_id)
);

-- Records that were gone from the log before the sink read them.
CREATE TABLE bot_log_gaps (
  topic       text        NOT NULL,
  partition   int         NOT NULL,
  from_offset bigint      NOT NULL,
  to_offset   bigint      NOT NULL,
  noticed_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, from_offset)
);

CREATE TRIGGER bot_events_append_only BEFORE UPDATE OR DELETE ON bot_events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bot_events_no_truncate BEFORE TRUNCATE ON bot_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bot_events_no_truncate BEFORE TRUNCATE ON bot_events_other
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bot_not_stored_append_only BEFORE UPDATE OR DELETE ON bot_not_stored
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bot_not_stored_no_truncate BEFORE TRUNCATE ON bot_not_stored
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Makes the partition of one day in UTC, by instance in four; says whether it was missing. A day whose rows stand
-- in bot_events_other already, or that was detached, stays as it is.
CREATE FUNCTION bot_events_make_day(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name text := 'bot_events_' || to_char(day, 'YYYYMMDD');
  leaf text;
BEGIN
  PERFORM pg_advisory_xact_lock(7251809365);
  IF to_regclass(name) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF bot_events FOR VALUES FROM (%L) TO (%L) PARTITION BY HASH (instance_name)',
    name, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
  EXECUTE format('CREATE TRIGGER bot_events_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
  FOR part IN 0..3 LOOP
    leaf := name || '_' || part;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 4, REMAINDER %s)', leaf, name, part);
    EXECUTE format('CREATE TRIGGER bot_events_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', leaf);
  END LOOP;
  RETURN true;
EXCEPTION WHEN check_violation THEN
  RETURN false;
END
$$;

-- Takes the days before one out of the table; they stay as tables of their own, for an archive to take.
CREATE FUNCTION bot_events_detach_before(day date) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  PERFORM pg_advisory_xact_lock(7251809365);
  FOR name IN
    SELECT child.relname FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = 'bot_events'::regclass AND child.relname ~ '^bot_events_[0-9]{8}$'
      AND child.relname < 'bot_events_' || to_char(day, 'YYYYMMDD')
    ORDER BY child.relname
  LOOP
    EXECUTE format('ALTER TABLE bot_events DETACH PARTITION %I', name);
    RETURN NEXT name;
  END LOOP;
END
$$;
