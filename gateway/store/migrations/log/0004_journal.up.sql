-- From here on what is on record may be in the journal beside this database before it is in here. A gateway that does not
-- know of it would begin where the database ends, over records that are there; it finds a migration that it does not have, and
-- does not start.
SELECT 1;
