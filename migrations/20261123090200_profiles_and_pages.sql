-- SPDX-License-Identifier: MIT
-- Constraints have names, so that a program can tell which rule was broken.
-- migrate:up
create table profiles (
    user_id uuid primary key references users (id) on delete cascade,
    name text not null
);
create table pages (
    id uuid primary key default (gen_random_uuid()),
    user_id uuid not null references users (id) on delete cascade,
    slug text not null constraint pages_slug_key unique,
    title text not null,
    content json not null,
    published_at timestamptz
);
create index pages_user_id on pages (user_id);

-- migrate:down
drop table pages;
drop table profiles;
