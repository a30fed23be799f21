-- The event store: every event of every family, once, for good. Written by the coordinator alone.
--
-- `topic` holds the event's type as it stands on the wire (intent.submitted), `time` when it occurred.
-- A hypertable cannot have event_id alone as its primary key, because a unique index of it has to
-- contain the partitioning column. So event_dedup keeps event_id unique, in the same transaction.

CREATE TABLE events (
  time           timestamptz NOT NULL,
  event_id       text        NOT NULL,
  topic          text        NOT NULL,
  correlation_id text        NOT NULL,
  causation_id   text,
  payload        jsonb       NOT NULL,
  version        int         NOT NULL,
  family         text        NOT NULL,
  sequence       bigint,
  ingest_ts      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id, time)
);

CREATE TABLE event_dedup (
  event_id text PRIMARY KEY
);

CREATE INDEX events_topic_time ON events (topic, time DESC);
CREATE INDEX events_correlation_time ON events (correlation_id, time DESC);

-- How far a sink has stored each partition it reads: moved in the transaction that stores the events.
CREATE TABLE positions (
  sink      text   NOT NULL,
  topic     text   NOT NULL,
  partition int    NOT NULL,
  next      bigint NOT NULL CHECK (next >= 0),
  PRIMARY KEY (sink, topic, partition)
);

-- CREATE EXTENSION without the library preloaded would end the connection, so that is looked at first.
DO $$
DECLARE
  usable boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
  IF NOT usable
    AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    AND EXISTS (
      SELECT FROM pg_settings
      WHERE name = 'shared_preload_libraries' AND setting LIKE '%timescaledb%'
    )
  THEN
    CREATE EXTENSION timescaledb;
    usable := true;
  END IF;
  IF usable THEN
    PERFORM create_hypertable('events', 'time', create_default_indexes => false);
  ELSE
    RAISE WARNING 'timescaledb is not available here: events is a plain table, not a hypertable'
      USING HINT = 'Everything works; for chunks by time, migrate a fresh database on a Timescale server.';
  END IF;
END
$$;

-- Append-only, whoever asks.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % refused: the table is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation',
      HINT = 'Record a correction as a further event.';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_dedup_append_only BEFORE UPDATE OR DELETE ON event_dedup
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_dedup_no_truncate BEFORE TRUNCATE ON event_dedup
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
