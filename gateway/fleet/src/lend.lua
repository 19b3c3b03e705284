-- Changes what one host claims of one account. What is claimed by all hosts together never goes beyond the budget
-- by what is lent here; what a host has used stands in its claim whatever is left.
--
-- Amounts are totals since the account began, so that who asks again, having heard nothing, gets nothing more. What
-- was overtaken by a later word of the same host is of no effect: it may have waited in a connection.
--
-- KEYS: the fleet, the account
-- ARGV: host, generation, boot, order, act, begin and end of the turn or empty, digest of the list of hosts, how many
--       they are, the hosts; then for each meter: name, allowed, used, held, least, wish
local fleet, account = KEYS[1], KEYS[2]
local host, generation, boot, order, act, begins, ends, list = unpack(ARGV, 1, 8)
local hosts = tonumber(ARGV[9])
-- By how much the clocks of hosts may differ from this one, and for how long what is over is kept, in seconds.
local SKEW, KEPT = 60, 3600

local known = redis.call('HMGET', fleet, 'generation', 'run', 'boot:' .. host)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if known[1] ~= generation or known[2] ~= run or known[3] ~= boot then
  return { 'again' }
end
if act == 'lease' then
  for at = 10, 9 + hosts do
    local said = redis.call('HMGET', fleet, 'list:' .. ARGV[at], 'reported:' .. ARGV[at])
    if said[1] ~= list or not said[2] then
      return { 'again' }
    end
  end
end

local now = tonumber(redis.call('TIME')[1])
if ends ~= '' and now > tonumber(ends) + SKEW then
  return { 'closed' }
end
if act == 'lease' and begins ~= '' and now < tonumber(begins) - SKEW then
  return { 'closed' }
end

local function amount(text)
  return tonumber(text or '0') or 0
end
local function text(number)
  return string.format('%.0f', number)
end

local of_generation = redis.call('HGET', account, 'generation') == generation
if of_generation and amount(redis.call('HGET', account, 'order:' .. host)) >= amount(order) then
  return { 'again' }
end

local changes, answer = {}, { 'ok' }
for at = 10 + hosts, #ARGV, 6 do
  local meter = ARGV[at]
  local allowed, used, held, least, wish = amount(ARGV[at + 1]), amount(ARGV[at + 2]), amount(ARGV[at + 3]),
    amount(ARGV[at + 4]), amount(ARGV[at + 5])
  local total, claim = 0, 0
  if of_generation then
    total = amount(redis.call('HGET', account, 'total:' .. meter))
    claim = amount(redis.call('HGET', account, 'claim:' .. host .. ':' .. meter))
  end
  if act ~= 'report' and held > claim then
    return { 'lost' }
  end
  local after
  if act == 'report' then
    after = math.max(claim, held, used)
  elseif act == 'return' then
    after = math.max(math.min(claim, wish), used)
  else
    local base = math.max(claim, used)
    local room = math.max(0, allowed - (total + base - claim))
    local need = math.max(0, least - base)
    local more = 0
    if need <= room then
      more = math.min(room, math.max(need, math.min(wish - base, math.floor(room / hosts))))
    end
    after = base + math.max(0, more)
  end
  total = total + after - claim
  table.insert(changes, 'total:' .. meter)
  table.insert(changes, text(total))
  table.insert(changes, 'claim:' .. host .. ':' .. meter)
  table.insert(changes, text(after))
  table.insert(answer, text(after))
  table.insert(answer, text(math.max(0, allowed - total)))
end

if not of_generation then
  redis.call('DEL', account)
end
redis.call('HSET', account, 'generation', generation, 'order:' .. host, order, unpack(changes))
if ends ~= '' then
  redis.call('EXPIREAT', account, tonumber(ends) + KEPT)
end
return answer
