-- Only after an orderly stop: the journal must be empty.
SELECT 1;
