-- heads: where each of many logs ends; a log that does not exist begins. Keeps their keys alive.
-- KEYS log, head, keys of each chat in turn. Reply: epoch and offset of each.

local reply = {}
for i = 1, #KEYS, 3 do
  local chat = open(KEYS[i], KEYS[i + 1], KEYS[i + 2])
  prolong(chat, false)
  reply[#reply + 1] = chat.epoch
  reply[#reply + 1] = chat.offset
end
return reply
