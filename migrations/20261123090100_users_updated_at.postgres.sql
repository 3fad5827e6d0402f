-- SPDX-License-Identifier: MIT
-- The database itself keeps updated_at, whoever changes a row.
-- migrate:up
create function set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;
create trigger users_updated_at before update on users
    for each row execute function set_updated_at();

-- migrate:down
drop trigger users_updated_at on users;
drop function set_updated_at();
