-- append: log the events of one chat, in order, and publish each.
-- KEYS log, head, keys.
-- ARGV[4] channel, ARGV[5] window (entries), ARGV[6] least age of an event key before it is pruned (ms), then for each
-- event: its body up to where the seal goes, how many names it has, its key, its aliases.
-- Reply: epoch, then for each event its offset and either 1 (logged now) or the payload that a known key has
-- (nil when it was trimmed).
--
-- All reads come first for the first event, and the first write is one that a full or read-only server refuses, so a
-- refusal leaves nothing half done. Publishing comes last, when the log is whole: a server that forbids it is told
-- apart from a refusal, since the entries are there.

local channel, window, age = ARGV[4], ARGV[5], tonumber(ARGV[6])
local chat = open(KEYS[1], KEYS[2], KEYS[3])
local before = chat.offset
local reply, published = {chat.epoch}, {}

-- The offset of the entry that has one of these names, the event key first; names that it lacks are added to it.
local function find(names)
  if chat.offset == 0 then
    return nil
  end
  local scores = redis.call('ZMSCORE', chat.keys, unpack(names))
  local offset
  for i = 1, #names do
    offset = offset or scores[i]
  end
  if not offset then
    return nil
  end
  local missing = {}
  for i, name in ipairs(names) do
    if not scores[i] then
      missing[#missing + 1] = offset
      missing[#missing + 1] = name
    end
  end
  if #missing > 0 then
    redis.call('ZADD', chat.keys, unpack(missing))
  end
  return tonumber(offset)
end

local function append(stem, names)
  chat.offset = chat.offset + 1
  local offset = int(chat.offset)
  local payload = stem .. '"offset":' .. offset .. ',"epoch":"' .. chat.epoch .. '"}'
  redis.call('XADD', chat.log, 'MAXLEN', '~', window, offset .. '-0', 'k', names[1], 'p', payload)
  local scored = {}
  for _, name in ipairs(names) do
    scored[#scored + 1] = offset
    scored[#scored + 1] = name
  end
  redis.call('ZADD', chat.keys, unpack(scored))
  published[#published + 1] = payload
end

-- Each checkpoint remembers the offset at its time. Once it is old enough, every key up to that offset is at least as
-- old, so one range goes without looking at the keys. What was appended since stays, the newest key among it.
local function prune()
  if now - chat.marked < age then
    return
  end
  redis.call('ZREMRANGEBYSCORE', chat.keys, '-inf', int(chat.mark))
  redis.call('HSET', chat.head, 'mark', int(chat.offset), 'marked', int(now))
end

local i = 7
while ARGV[i] do
  local stem, names = ARGV[i], {}
  local last = i + 1 + tonumber(ARGV[i + 1])
  for j = i + 2, last do
    names[#names + 1] = ARGV[j]
  end
  i = last + 1

  local offset = find(names)
  if offset then
    local entry = entry_at(chat.log, offset)
    reply[#reply + 1] = offset
    reply[#reply + 1] = entry and entry[2][4] or false
  else
    append(stem, names)
    reply[#reply + 1] = chat.offset
    reply[#reply + 1] = 1
  end
end

if chat.offset > before then
  redis.call('HSET', chat.head, 'offset', int(chat.offset))
  prune()
end
prolong(chat, before == 0)

for _, payload in ipairs(published) do
  local heard = redis.pcall('PUBLISH', channel, payload)
  if type(heard) == 'table' and heard.err then
    return redis.error_reply('UNHEARD logged, but publishing failed')
  end
end
return reply
