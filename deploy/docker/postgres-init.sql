-- Runs once, when the data volume is empty, as the superuser that POSTGRES_USER names.
-- Neither role is superuser. One owns the database and migrates; the service's own may use the tables, and gets that
-- right from the migration. The exporter may read statistics and nothing else.
\getenv owner_password OWNER_DB_PASSWORD
\getenv service_password SERVICE_DB_PASSWORD
\getenv monitor_password MONITOR_DB_PASSWORD

-- Without this, pg_stat_statements would keep the statements below with their passwords, and show them to the exporter.
SET pg_stat_statements.track = none;

CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

CREATE ROLE insertlab_owner LOGIN PASSWORD :'owner_password' CONNECTION LIMIT 5;
ALTER DATABASE insertlab OWNER TO insertlab_owner;

CREATE ROLE insertlab LOGIN PASSWORD :'service_password';
REVOKE TEMPORARY ON DATABASE insertlab FROM PUBLIC;

CREATE ROLE monitor LOGIN PASSWORD :'monitor_password' CONNECTION LIMIT 5;
GRANT pg_monitor TO monitor;
