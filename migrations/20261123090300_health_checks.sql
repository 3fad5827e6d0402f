-- SPDX-License-Identifier: MIT
-- What the service saw of its database: one row a look.
-- migrate:up
create table health_checks (
    id uuid primary key default (gen_random_uuid()),
    checked_at timestamptz not null default (now()),
    healthy boolean not null,
    latency_us bigint not null constraint health_checks_latency_check check (latency_us >= 0),
    note text
);
create index health_checks_checked_at on health_checks (checked_at);

-- migrate:down
drop table health_checks;
