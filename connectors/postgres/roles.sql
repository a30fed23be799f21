-- Run once on a database, by a superuser, before the migrations or after them, and again whenever wanted: makes the three
-- roles of 0005_roles.sql, and gives millrace_owner the database and what this user has made in it so far.
-- Logins are yours to make: ALTER ROLE millrace_reader LOGIN PASSWORD '…', or GRANT millrace_reader TO somebody.
DO $$
DECLARE
  role text;
  thing record;
BEGIN
  FOREACH role IN ARRAY ARRAY['millrace_owner', 'millrace_coordinator', 'millrace_reader'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role);
    BEGIN
      EXECUTE format('CREATE ROLE %I', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
  EXECUTE format('ALTER DATABASE %I OWNER TO millrace_owner', current_database());
  FOR thing IN
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, oid::regclass::text AS name
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relowner = current_user::regrole
      AND relkind IN ('r', 'p', 'v')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
    UNION ALL
    SELECT 'FUNCTION', oid::regprocedure::text
    FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND proowner = current_user::regrole
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
  LOOP
    EXECUTE format('ALTER %s %s OWNER TO millrace_owner', thing.kind, thing.name);
  END LOOP;
  IF to_regprocedure('grant_roles()') IS NOT NULL THEN
    PERFORM grant_roles();
  END IF;
END
$$;
