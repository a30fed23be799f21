-- Which intent a plan was made for: asked for by the gateway's GET /lookup/{id}. One event of a correlation at most.
CREATE INDEX events_plan ON events ((payload ->> 'planId')) WHERE topic = 'plan.created';
