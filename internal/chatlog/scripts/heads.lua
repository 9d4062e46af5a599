-- heads: where each of many logs ends, and whether messages are queued; a log that does not exist begins. Keeps the
-- logs' keys alive.
-- KEYS log, head, keys, queue of each chat in turn. Reply: epoch, offset, and 1 or 0 of each.

local reply = {}
for i = 1, #KEYS, 4 do
  local chat = open(KEYS[i], KEYS[i + 1], KEYS[i + 2])
  prolong(chat, false)
  reply[#reply + 1] = chat.epoch
  reply[#reply + 1] = chat.offset
  reply[#reply + 1] = redis.call('EXISTS', KEYS[i + 3])
end
return reply
