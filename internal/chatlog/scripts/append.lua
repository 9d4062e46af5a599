-- append: carry out steps of one chat, in order: log and publish an event, put a message into the outbox, take one out.
-- KEYS log, head, keys; when a step knows the outbox also outbox:due, outbox:dead.
-- ARGV[4] channel, ARGV[5] window (entries), ARGV[6] least age of an event key before it is pruned (ms); with the outbox
-- chat, holder, how long a lease lasts (ms), and how many messages a queue may have; then the steps. One that only logs:
-- its body up to where the seal goes, how many names it has, its key, its aliases. Any other: '', then body, fence and
-- name of the message that leaves, reason, name, data and time of the message that enters, notice, the epoch that the
-- caller knows ('' = no such part), how many names, the names.
-- Reply: epoch, then for each step its offset and what became of it: 1 (logged now) or the payload that a known key has
-- (nil when it was trimmed). Of a step of the longer form: how it went (1; 0 a repeat; -1 another holds the lease; -2 the
-- queue is full; -3 the log is of a later epoch; the latter three change nothing), the repeat's payload, whether its message
-- is queued, fence, how many are, when its message was sent.
--
-- All reads come first for the first step, and the first write is one that a full or read-only server refuses, so a
-- refusal leaves nothing half done. Publishing comes last, when the log is whole: a server that forbids it is told
-- apart from a refusal, since the entries are there.

local channel, window, age = ARGV[4], ARGV[5], tonumber(ARGV[6])
local box, holder, lasts, most
local i = 7
if KEYS[4] then
  box = open_box(ARGV[7], KEYS[4], KEYS[5])
  holder, lasts, most = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
  i = 11
end
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

-- What a known key has.
local function known(offset)
  local entry = entry_at(chat.log, offset)
  return entry and entry[2][4] or false
end

-- Steps of the longer form: returns what carries out the one that begins at an index, given its names. The function that
-- makes it keeps these functions from costing anything where none is used.
local function longer()
  local function told(outcome, payload, queue, sent)
    if not box then
      return {outcome, payload, 0, 0, 0, 0}
    end
    local queued = queue ~= '' and box.find(queue)
    return {outcome, payload, queued and 1 or 0, box.held(holder), box.left, queued and tonumber(sent) or 0}
  end

  local function finish(done, seq, reason)
    if box.held(holder) > 0 then
      box.take(holder, lasts)
    end
    if seq then
      box.leave(done, seq, reason)
    end
  end

  local function admit(queue, data, sent)
    box.enter(queue, data, sent)
    if box.taken(holder) then
      published[#published + 1] = queued_notice
    else
      box.take(holder, lasts)
    end
  end

  -- Looks at everything before it changes anything; that a known entry gets the names that it lacks is no exception, since
  -- then nothing enters that could be too much.
  return function(at, names)
    local stem, fence, done, reason, queue, data, sent, notice, epoch = unpack(ARGV, at + 1, at + 9)
    if epoch ~= '' and epoch < chat.epoch then
      return 0, told(-3, false, queue, 0)
    end
    if fence ~= '' and not (box.holder == holder and int(box.fence) == fence) then
      return 0, told(-1, false, queue, 0)
    end
    local offset = #names > 0 and (stem ~= '' or queue ~= '') and find(names)
    local gone = fence ~= '' and box.find(done)
    local there = queue ~= '' and queue ~= done and box.find(queue)
    local before = there and box.sent(there)
    local earlier = there and tonumber(sent) > 0 and (before == 0 or tonumber(sent) < before)
    local enters = queue ~= '' and not offset and not there
    if enters and box.left - (gone and 1 or 0) >= most then
      return 0, told(-2, false, queue, 0)
    end
    if fence ~= '' or enters or earlier then
      box.secure()
    end
    if fence ~= '' then
      finish(done, gone, reason)
    end
    local repeated, payload = offset, offset and known(offset) or false
    if stem ~= '' and not offset then
      append(stem, names)
      offset = chat.offset
    end
    if enters then
      admit(queue, data, sent)
    elseif earlier then
      box.date(queue, there, sent)
    end
    if notice ~= '' and not (queue ~= '' and repeated) then
      published[#published + 1] = notice
    end
    return offset or 0, told(repeated and 0 or 1, payload, queue, there and not earlier and before or sent)
  end
end

local carry_out
while ARGV[i] do
  local at, names = i, {}
  local stem = ARGV[i]
  if stem == '' then
    i = i + 9
  end
  local last = i + 1 + tonumber(ARGV[i + 1])
  for j = i + 2, last do
    names[#names + 1] = ARGV[j]
  end
  i = last + 1

  if stem == '' then
    carry_out = carry_out or longer()
    local offset, outcome = carry_out(at, names)
    reply[#reply + 1] = offset
    reply[#reply + 1] = outcome
  else
    local offset = find(names)
    if offset then
      reply[#reply + 1] = offset
      reply[#reply + 1] = known(offset)
    else
      append(stem, names)
      reply[#reply + 1] = chat.offset
      reply[#reply + 1] = 1
    end
  end
end

if box and box.secured then
  box.settle()
end
if chat.offset > before then
  redis.call('HSET', chat.head, 'offset', int(chat.offset))
  prune()
end
prolong(chat, before == 0)

for _, payload in ipairs(published) do
  local heard = redis.pcall('PUBLISH', channel, payload)
  if type(heard) == 'table' and heard.err then
    return redis.error_reply('UNHEARD done, but publishing failed')
  end
end
return reply
