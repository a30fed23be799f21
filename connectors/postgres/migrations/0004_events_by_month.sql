-- Where `events` is no hypertable it becomes a table partitioned by month of `time`, in UTC. By month, because a history
-- asks every partition's index of correlations: 12 a year are nothing, 365 are felt (docs/adr/026).
--
-- Rows that are there stay where they are: their table becomes the partition of everything before the next month. That
-- reads it once, to see that its rows belong there, and copies none but those of a time still to come.
DO $$
DECLARE
  is_hypertable boolean := false;
  next_month timestamptz :=
    (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    SELECT EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'events')
      INTO is_hypertable;
  END IF;
  IF is_hypertable THEN
    RETURN;
  END IF;

  DROP TRIGGER events_append_only ON events;
  DROP TRIGGER events_no_truncate ON events;
  ALTER TABLE events RENAME TO events_before;
  ALTER INDEX events_pkey RENAME TO events_before_pkey;
  ALTER INDEX events_topic_time RENAME TO events_before_topic_time;
  ALTER INDEX events_correlation_time RENAME TO events_before_correlation_time;

  CREATE TABLE events (LIKE events_before INCLUDING DEFAULTS) PARTITION BY RANGE (time);
  ALTER TABLE events ADD PRIMARY KEY (event_id, time);
  CREATE INDEX events_topic_time ON events (topic, time DESC);
  CREATE INDEX events_correlation_time ON events (correlation_id, time DESC);
  -- Months that have no partition of their own: those whose rows came before it could be made.
  CREATE TABLE events_other PARTITION OF events DEFAULT;

  IF EXISTS (SELECT FROM events_before) THEN
    WITH later AS (DELETE FROM events_before WHERE time >= next_month RETURNING *)
      INSERT INTO events_other SELECT * FROM later;
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)', next_month);
    CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events_before
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
  ELSE
    DROP TABLE events_before;
  END IF;

  -- Of a partitioned table, what is for each row goes to every partition, and what is for each statement does not.
  CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events_other
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
  RAISE WARNING 'events is partitioned by month, as timescaledb would do it by chunk';
END
$$;

-- Makes the partition of the month of a day; says whether it was missing. Nothing to do where events is a hypertable,
-- where the month's rows stand in events_other already, and before the partition that was there first ends.
CREATE FUNCTION events_make_month(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  month timestamp := date_trunc('month', day::timestamp);
  name text := 'events_' || to_char(month, 'YYYYMM');
BEGIN
  IF (SELECT relkind FROM pg_class WHERE oid = 'events'::regclass) <> 'p' THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(7251809365);
  IF to_regclass(name) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
    name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
  EXECUTE format('CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
  RETURN true;
EXCEPTION WHEN check_violation OR invalid_object_definition THEN
  RETURN false;
END
$$;
