-- Live sessions in Redis. One hash a session, so that it comes and goes as one:
--   run      the life of the server and the era in which it was written; of another one it is void
--   n, bytes how many events it holds and their size; absent where it holds none to trust
--   1 .. n   the events, as JSON, in the order of the log
--   pending  who is appending to the log now, until when (JSON); meanwhile the log itself is read
--   fill     who reads the log to fill it; an append takes the word away
--   big      the session is too large to be kept here
-- KEYS: session, era, workers. ARGV: what to do, token, worker, then numbers: see the calls in sessions.py.
local key, token, worker = KEYS[1], ARGV[2], ARGV[3]
local young, lapse, dead, hold, ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local first = 9 -- the first argument of the call's own
local info = redis.call('INFO', 'server')
local now = tonumber(redis.call('TIME')[1])

local era = redis.call('GET', KEYS[2])
if not era then -- never set, or evicted: nothing of before may count
  era = token
  redis.call('SET', KEYS[2], era)
end
local run = string.match(info, 'run_id:(%w+)') .. ':' .. era
if redis.call('HGET', key, 'run') ~= run then redis.call('DEL', key) end
if worker ~= '' then redis.call('ZADD', KEYS[3], now, worker) end -- a worker with something to mend gives no name

local function bare(pending) -- keep nothing but who is appending
  local big = redis.call('HGET', key, 'big')
  redis.call('DEL', key)
  if next(pending) then
    redis.call('HSET', key, 'run', run, 'pending', cjson.encode(pending))
    redis.call('EXPIRE', key, ttl)
  end
  if big then
    redis.call('HSET', key, 'run', run, 'big', 1)
    redis.call('EXPIRE', key, ttl)
  end
end

local function appending()
  local pending, lapsed = cjson.decode(redis.call('HGET', key, 'pending') or '{}'), false
  for who, till in pairs(pending) do
    if till < now then
      pending[who] = nil
      lapsed = true
    end
  end
  if lapsed then bare(pending) end -- whether it got into the log nobody knows
  return pending
end

local function keep(from) -- the events among the arguments, after those that are there; false where they are too many
  local n, bytes = tonumber(redis.call('HGET', key, 'n') or 0), tonumber(redis.call('HGET', key, 'bytes') or 0)
  local most, most_bytes = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
  for i = from, #ARGV do bytes = bytes + #ARGV[i] end
  if n + #ARGV - from + 1 > most or bytes > most_bytes then
    redis.call('DEL', key)
    redis.call('HSET', key, 'run', run, 'big', 1)
    redis.call('EXPIRE', key, ttl)
    return 0
  end
  for i = from, #ARGV do redis.call('HSET', key, n + i - from + 1, ARGV[i]) end
  redis.call('HSET', key, 'run', run, 'n', n + #ARGV - from + 1, 'bytes', bytes)
  redis.call('EXPIRE', key, ttl)
  return 1
end

local call = {}

function call.read() -- {'have', events ...}, {'fill'}: read the log and fill, or {'log'}: read the log
  local after = tonumber(ARGV[first])
  local away = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. (now - lapse), 'LIMIT', 0, 1)
  -- A young server may be unknown yet to a worker that appends; a worker that is silent may append without our hearing of it.
  if tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) < young or away[1] then return { 'log' } end
  if next(appending()) then return { 'log' } end
  local n = tonumber(redis.call('HGET', key, 'n') or -1)
  if n >= 0 then
    local found = { 'have' }
    for i = after + 1, n do found[#found + 1] = redis.call('HGET', key, i) end
    redis.call('EXPIRE', key, ttl)
    return found
  end
  if redis.call('HGET', key, 'big') then return { 'log' } end
  redis.call('HSET', key, 'run', run, 'fill', token)
  redis.call('EXPIRE', key, hold)
  return { 'fill' }
end

function call.fill()
  if redis.call('HGET', key, 'fill') ~= token then return 0 end
  redis.call('DEL', key)
  return keep(first + 2)
end

function call.begin() -- 1 where the events that are here can be continued by this append alone
  local pending = appending()
  pending[token] = nil -- the same question a second time: the first answer was lost
  local alone = next(pending) == nil and redis.call('HGET', key, 'n')
  if not alone then bare(pending) end
  pending[token] = now + hold
  redis.call('HSET', key, 'run', run, 'pending', cjson.encode(pending))
  redis.call('EXPIRE', key, ttl)
  return alone and 1 or 0
end

function call.commit() -- sure or not, then the new events; events stay only if nobody else appended meanwhile and all is sure
  local pending = appending()
  local mine = pending[token]
  pending[token] = nil
  if mine and ARGV[first + 2] == 'sure' and next(pending) == nil and redis.call('HGET', key, 'n') then
    redis.call('HDEL', key, 'pending')
    return keep(first + 3)
  end
  bare(pending)
  return 0
end

function call.void() -- every session, in one stroke
  redis.call('SET', KEYS[2], token)
  redis.call('DEL', key)
  return 1
end

function call.pulse()
  if redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - dead) > 0 then -- what it appended unheard nobody will tell any more
    redis.call('SET', KEYS[2], token)
  end
  return 1
end

function call.leave()
  redis.call('ZREM', KEYS[3], worker)
  return 1
end

return call[ARGV[1]]()
