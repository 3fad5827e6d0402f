-- SPDX-License-Identifier: MIT
-- Who may build pages. One text for every database: a default that is a call wants parentheses.
-- migrate:up
create table users (
    id uuid primary key default (gen_random_uuid()),
    email text not null constraint users_email_key unique,
    created_at timestamptz not null default (now()),
    updated_at timestamptz not null default (now())
);

-- migrate:down
drop table users;
