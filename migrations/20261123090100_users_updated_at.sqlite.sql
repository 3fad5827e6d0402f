-- SPDX-License-Identifier: MIT
-- The same in SQLite's words: it has no functions, and a trigger cannot change the row before it is
-- written. Its own update starts no trigger.
-- migrate:up
create trigger users_updated_at after update on users for each row
begin
    update users set updated_at = now() where id = new.id;
end;

-- migrate:down
drop trigger users_updated_at;
