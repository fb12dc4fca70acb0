-- Who is present where. One call is one change, whole; who changes what others see says so from in
-- here, so that each change is told exactly once. Keys, all after the prefix KEYS[1]:
--
--   room:<room>        sorted set of the people in it, in the order of their ids
--   person:<user>      hash: room -> the processes through which she is there, ",a,b,"
--   process:<process>  set of "<room> <user>" that it holds
--   people             hash: user -> what the world sees of her, a JSON object
--   processes          sorted set: process -> when it counts as dead, in Unix time
--   figures            hash: process -> what it says of itself
--   rooms              sorted set: room -> how many people are in it
--   epoch              named by whoever came first; another name means that Redis was emptied
--
-- Room 0 is the whole service: whoever is connected is in it, and nobody is told.

local operation, process = ARGV[1], ARGV[2]
local CHANNEL = 'rallypoint:room:'

local function key(kind, name)
  return KEYS[1] .. kind .. (name or '')
end

local function tell(room, user, change)
  local person = redis.call('HGET', key('people'), user)
  if room ~= '0' and person then
    local present = redis.call('ZCARD', key('room:', room))
    local news = string.sub(person, 1, -2) .. ',"present":' .. present .. change .. '}'
    redis.call('PUBLISH', CHANNEL .. room, news)
  end
end

local function count(room)
  local present = redis.call('ZCARD', key('room:', room))
  if present == 0 then
    redis.call('ZREM', key('rooms'), room)
  elseif room ~= '0' then
    redis.call('ZADD', key('rooms'), present, room)
  end
end

local function come(room, user, person, quiet)
  if redis.call('SADD', key('process:', process), room .. ' ' .. user) == 0 then return end
  redis.call('HSETNX', key('people'), user, person)
  local through = redis.call('HGET', key('person:', user), room)
  redis.call('HSET', key('person:', user), room, (through or ',') .. process .. ',')
  if not through then
    redis.call('ZADD', key('room:', room), 0, user)
    count(room)
    if not quiet then tell(room, user, ',"joined":true') end
  end
end

local function go(of, room, user)
  if redis.call('SREM', key('process:', of), room .. ' ' .. user) == 0 then return end
  local through = redis.call('HGET', key('person:', user), room) or ','
  local others = string.gsub(through, ',' .. of .. ',', ',')
  if others ~= ',' then
    redis.call('HSET', key('person:', user), room, others)
    return
  end
  redis.call('HDEL', key('person:', user), room)
  redis.call('ZREM', key('room:', room), user)
  count(room)
  tell(room, user, ',"left":true')
  if redis.call('EXISTS', key('person:', user)) == 0 then
    redis.call('HDEL', key('people'), user)
  end
end

local function now()
  return tonumber(redis.call('TIME')[1])
end

local operations = {}

-- process, seconds, figures, epoch -> whether it was known as alive, the epoch
function operations.beat()
  redis.call('SET', key('epoch'), ARGV[5], 'NX')
  local known = tonumber(redis.call('ZSCORE', key('processes'), process) or 0) > now()
  redis.call('ZADD', key('processes'), now() + tonumber(ARGV[3]), process)
  redis.call('HSET', key('figures'), process, ARGV[4])
  return {known and 1 or 0, redis.call('GET', key('epoch'))}
end

-- process, "quiet" or "", then three for each: room, user, what to show of her or "" when she goes
-- -> 1; 0, and nothing done, when the process counts as dead
function operations.change()
  if not redis.call('ZSCORE', key('processes'), process) then return 0 end
  for first = 4, #ARGV, 3 do
    local room, user, person = ARGV[first], ARGV[first + 1], ARGV[first + 2]
    if person == '' then go(process, room, user) else come(room, user, person, ARGV[3] ~= '') end
  end
  return 1
end

-- process, how many -> how many were taken out on behalf of one that is dead
function operations.reap()
  local dead = redis.call('ZRANGEBYSCORE', key('processes'), '-inf', now(), 'LIMIT', 0, 1)[1]
  if not dead then return 0 end
  local held = redis.call('SRANDMEMBER', key('process:', dead), tonumber(ARGV[3]))
  for _, entry in ipairs(held) do
    go(dead, string.match(entry, '^(%S+) (%S+)$'))
  end
  if redis.call('EXISTS', key('process:', dead)) == 0 then
    redis.call('ZREM', key('processes'), dead)
    redis.call('HDEL', key('figures'), dead)
  end
  return math.max(#held, 1)
end

-- process, user, what to show of her now -> in how many rooms she is
function operations.show()
  local user = ARGV[3]
  local rooms = redis.call('HKEYS', key('person:', user))
  if #rooms > 0 then redis.call('HSET', key('people'), user, ARGV[4]) end
  for _, room in ipairs(rooms) do tell(room, user, '') end
  return #rooms
end

-- process, room, the user to begin after or "", how many -> present, users, people
function operations.page()
  local room = key('room:', ARGV[3])
  local first = ARGV[4] == '' and '-' or '(' .. ARGV[4]
  local users = redis.call('ZRANGEBYLEX', room, first, '+', 'LIMIT', 0, tonumber(ARGV[5]))
  local people = #users > 0 and redis.call('HMGET', key('people'), unpack(users)) or {}
  return {redis.call('ZCARD', room), users, people}
end

-- process, user -> what is shown of her, her rooms
function operations.look()
  local person = redis.call('HGET', key('people'), ARGV[3])
  return {person or '', redis.call('HKEYS', key('person:', ARGV[3]))}
end

return operations[operation]()
