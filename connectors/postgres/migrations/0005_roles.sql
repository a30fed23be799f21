-- Three roles, so that the server itself refuses what a program must not do (docs/adr/027):
--   millrace_owner        owns the tables and migrates them; no app runs as it
--   millrace_coordinator  adds events, and moves the positions of the sinks
--   millrace_reader       reads: the gateway, the command
-- None may log in by this file: roles.sql and `ALTER ROLE … LOGIN PASSWORD …`, or a login that is granted one of them.
--
-- Roles belong to the whole server: another database's migration may make them at the same moment.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['millrace_owner', 'millrace_coordinator', 'millrace_reader'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role);
    BEGIN
      EXECUTE format('CREATE ROLE %I', role);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN
        NULL;
      WHEN insufficient_privilege THEN
        RAISE WARNING 'there is no role %, and % may not make it: whoever logs in as % may do all', role, current_user, current_user
          USING HINT = 'Run connectors/postgres/roles.sql on this database as a superuser.';
    END;
  END LOOP;
END
$$;

-- Partitions are made and detached by who owns the table, on behalf of the coordinator, which owns none.
DO $$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY['events_make_month', 'bot_events_make_day', 'bot_events_detach_before'] LOOP
    EXECUTE format('ALTER FUNCTION %I(date) SECURITY DEFINER SET search_path = %I, pg_temp', made, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %I(date) FROM PUBLIC', made);
  END LOOP;
END
$$;

-- What each role may do. A migration that adds a table replaces this function and calls it; roles.sql calls it for roles
-- that are made later.
CREATE FUNCTION grant_roles() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['millrace_coordinator', 'millrace_reader'] LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role);
    IF NOT has_schema_privilege(role, current_schema(), 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END IF;
    EXECUTE format('GRANT SELECT ON events, event_dedup, positions, bot_events, bot_not_stored, bot_producers, bot_log_gaps, schema_migrations TO %I', role);
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_coordinator') THEN
    GRANT INSERT ON events, event_dedup, bot_events, bot_not_stored, bot_log_gaps TO millrace_coordinator;
    GRANT INSERT, UPDATE ON positions, bot_producers TO millrace_coordinator;
    GRANT EXECUTE ON FUNCTION events_make_month(date), bot_events_make_day(date), bot_events_detach_before(date)
      TO millrace_coordinator;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION grant_roles() FROM PUBLIC;
SELECT grant_roles();
