-- Runs once, when the data volume is empty, as the superuser that POSTGRES_USER names.
-- The service owns its database without being superuser; the exporter may read statistics and nothing else.
\getenv service_password SERVICE_DB_PASSWORD
\getenv monitor_password MONITOR_DB_PASSWORD

CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

CREATE ROLE insertlab LOGIN PASSWORD :'service_password';
ALTER DATABASE insertlab OWNER TO insertlab;

CREATE ROLE monitor LOGIN PASSWORD :'monitor_password' CONNECTION LIMIT 5;
GRANT pg_monitor TO monitor;
