-- Says that a host is there, and hears how the fleet stands.
--
-- The ledger's generation ends with the run of the server that has it: one that was started again, or that took
-- another's place, may have lost what was last written. In a new one nothing is lent before every host of the fleet
-- has reported what it has.
--
-- KEYS: the fleet
-- ARGV: host, instance, digest of the list of hosts, what the host says of itself, whether its process is new,
--       the generation in which its claims stand, a generation that is lost, a name for a new one, all hosts
local fleet = KEYS[1]
local host, instance, list, about, fresh, reported, lost, candidate = unpack(ARGV, 1, 8)

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run then
  return { 'unfit', 'it does not say which run of it this is' }
end
local memory = redis.call('INFO', 'memory')
local most = tonumber(string.match(memory, 'maxmemory:(%d+)') or '0')
local policy = string.match(memory, 'maxmemory_policy:([%w%-]+)') or 'noeviction'
if most > 0 and policy ~= 'noeviction' then
  return { 'unfit', 'it forgets what it has no room for: set its maxmemory-policy to noeviction' }
end

local now = redis.call('TIME')[1]
local known = redis.call('HMGET', fleet, 'generation', 'run')
local generation = known[1]
if not generation or known[2] ~= run or generation == lost then
  generation = candidate
  redis.call('DEL', fleet)
  redis.call('HSET', fleet, 'generation', generation, 'run', run, 'since', now)
end

local owner = redis.call('HGET', fleet, 'instance:' .. host)
if owner and owner ~= instance then
  return { 'taken' }
end
local boot = redis.call('HGET', fleet, 'boot:' .. host)
if fresh == '1' or not boot then
  boot = redis.call('HINCRBY', fleet, 'boot:' .. host, 1)
end
redis.call('HSET', fleet, 'instance:' .. host, instance, 'list:' .. host, list, 'about:' .. host, about,
  'seen:' .. host, now)
if reported == generation then
  redis.call('HSET', fleet, 'reported:' .. host, '1')
end

local missing, unreported, other = {}, {}, {}
for at = 9, #ARGV do
  local said = redis.call('HMGET', fleet, 'list:' .. ARGV[at], 'reported:' .. ARGV[at])
  if not said[1] then
    table.insert(missing, ARGV[at])
  elseif said[1] ~= list then
    table.insert(other, ARGV[at])
  elseif not said[2] then
    table.insert(unreported, ARGV[at])
  end
end
return { 'ok', generation, now, tostring(boot), table.concat(missing, ', '), table.concat(unreported, ', '),
  table.concat(other, ', ') }
