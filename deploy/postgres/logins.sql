-- Logins of the containers, after connectors/postgres/roles.sql; their passwords are worth as much as the port's being local.
ALTER ROLE millrace_owner LOGIN PASSWORD 'millrace_owner';
ALTER ROLE millrace_coordinator LOGIN PASSWORD 'millrace_coordinator';
ALTER ROLE millrace_reader LOGIN PASSWORD 'millrace_reader';
