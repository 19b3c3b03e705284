DROP INDEX record_erasure;
