-- A producer may carry events of several bots, as the gateway does: then no one instance is the one that lost an event.
-- instance_name is what all of a row's events say, null where they differ (several) or none came yet.
ALTER TABLE bot_producers ADD COLUMN several boolean NOT NULL DEFAULT false;

-- Until now the instance that came last stood there, also of the gateways and imports, which carry many.
UPDATE bot_producers SET several = true, instance_name = NULL WHERE producer_id ~ '^(http|file)-';
