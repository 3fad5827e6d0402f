/* SPDX-License-Identifier: MIT */
#include "schema.h"

/* Constraints have names, so that a program can tell which rule was broken. */
static const char tables[] =
    "create table if not exists users (\n"
    "    id uuid primary key default (gen_random_uuid()),\n"
    "    email text not null constraint users_email_key unique,\n"
    "    created_at timestamptz not null default (now())\n"
    ");\n"
    "create table if not exists profiles (\n"
    "    user_id uuid primary key references users (id) on delete cascade,\n"
    "    name text not null\n"
    ");\n"
    "create table if not exists pages (\n"
    "    id uuid primary key default (gen_random_uuid()),\n"
    "    user_id uuid not null references users (id) on delete cascade,\n"
    "    slug text not null constraint pages_slug_key unique,\n"
    "    title text not null,\n"
    "    content json not null,\n"
    "    published_at timestamptz\n"
    ");\n";

tn_status schema_create(tn_db *db, tn_error *err)
{
    return tn_exec_script(db, tables, err);
}
