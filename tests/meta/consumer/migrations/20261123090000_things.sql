-- SPDX-License-Identifier: MIT
-- migrate:up
create table things (name text not null);
insert into things values ('a "quoted" name; \ and é');

-- migrate:down
drop table things;
