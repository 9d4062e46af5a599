-- Shared by all scripts: one chat's log and its beginning. It is put in front of the others before they are loaded.
--
--   stream  log:{chat}   entries: id <offset>-0, fields k (event key) and p (sealed payload)
--   hash    head:{chat}  epoch, offset of the last entry, prolonged (when the keys' expiry was last set), and the
--                        checkpoint (marked: when, mark: the offset at that time) that event keys are pruned by
--   zset    keys:{chat}  event keys and aliases, scored with the offset of their entry
--
-- A log without entries has a head that says offset 0, and nothing else. A log with entries has all three keys:
-- trimming leaves at least one entry, and pruning never removes the newest key. So whatever else is found means that
-- something was lost, and since a log that lost a part could give an offset twice, the rest is dropped and a new epoch
-- begins.
--
-- ARGV[1] how long the keys live (ms), ARGV[2] how stale their expiry may be (ms), ARGV[3] twelve hex digits of the latest
-- epoch that the caller has seen and eight random ones: the caller's, because each script run gets the same pseudo-random
-- numbers here.

local ttl, slack, latest = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Numbers become text in full: Lua's own conversion turns large ones into 1e+15.
local function int(n)
  return string.format('%.0f', n)
end

local function entry_at(log, offset)
  local id = int(offset) .. '-0'
  return redis.call('XRANGE', log, id, id)[1]
end

-- The epoch that the newest entry was sealed with, for a log whose head is gone.
local function sealed_epoch(log)
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return newest and string.match(newest[2][4], '"epoch":"(%x+)"}$')
end

local function after(epoch)
  return (tonumber(string.sub(epoch, 1, 12), 16) or 0) + 1
end

-- Epochs compare as text, so a new one must be greater than the one it follows even when the clock stood still or
-- went back. When that one is lost, the latest that the caller has seen is as good.
local function begin(chat, previous)
  previous = previous or sealed_epoch(chat.log) or ''
  local ms = math.max(now, after(previous), after(latest))
  chat.epoch, chat.offset = string.format('%012x', ms) .. string.sub(latest, 13), 0
  chat.prolonged, chat.mark, chat.marked = now, 0, now
  redis.call('DEL', chat.log, chat.head, chat.keys)
  redis.call('HSET', chat.head, 'epoch', chat.epoch, 'offset', 0, 'prolonged', int(now), 'mark', 0, 'marked', int(now))
  redis.call('PEXPIRE', chat.head, ttl)
  return chat
end

local function open(log, head, keys)
  local chat = {log = log, head = head, keys = keys}
  local h = redis.call('HMGET', head, 'epoch', 'offset', 'prolonged', 'mark', 'marked')
  local beside = redis.call('EXISTS', log, keys)
  if not (h[1] and h[2] and h[3] and h[4] and h[5]) then
    return begin(chat, h[1])
  end
  chat.epoch, chat.offset = h[1], tonumber(h[2])
  chat.prolonged, chat.mark, chat.marked = tonumber(h[3]), tonumber(h[4]), tonumber(h[5])
  if beside ~= (chat.offset == 0 and 0 or 2) then
    return begin(chat, chat.epoch)
  end
  return chat
end

-- Setting three expiries on each append would cost as much as the append. The keys live for slack longer than promised
-- instead, and are prolonged once slack has passed.
local function prolong(chat, at_once)
  if at_once or now - chat.prolonged >= slack then
    redis.call('HSET', chat.head, 'prolonged', int(now))
    redis.call('PEXPIRE', chat.log, ttl)
    redis.call('PEXPIRE', chat.head, ttl)
    redis.call('PEXPIRE', chat.keys, ttl)
  end
end
