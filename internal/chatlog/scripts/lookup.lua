-- lookup: the entries that have these event keys or aliases.
-- KEYS log, head, keys. ARGV[4…] the names.
-- Reply for each: nil (unknown), offset and the last of its names (the entry was trimmed), or offset, event key and
-- payload.

local chat = open(KEYS[1], KEYS[2], KEYS[3])
local reply = {}
for i = 4, #ARGV do
  local offset = redis.call('ZSCORE', chat.keys, ARGV[i])
  local entry = offset and entry_at(chat.log, tonumber(offset))
  if not offset then
    reply[#reply + 1] = false
  elseif not entry then
    local names = redis.call('ZRANGEBYSCORE', chat.keys, offset, offset)
    reply[#reply + 1] = {tonumber(offset), names[#names]}
  else
    reply[#reply + 1] = {tonumber(offset), entry[2][2], entry[2][4]}
  end
end
return reply
