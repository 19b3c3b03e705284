DROP TABLE data_key;
DROP TABLE checkpoint;
DROP TABLE record;
