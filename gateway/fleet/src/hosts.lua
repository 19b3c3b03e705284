-- All hosts that are known, and what they said of themselves.
--
-- KEYS: the fleet
return { redis.call('TIME')[1], redis.call('HGETALL', KEYS[1]) }
