-- unnamed: the entries after a position that a single name finds.
-- KEYS log, head, keys. ARGV[4] epoch ('' = the log's own), ARGV[5] offset, ARGV[6] how many at most. Reply: entries.

local chat = open(KEYS[1], KEYS[2], KEYS[3])
local found, limit = {}, tonumber(ARGV[6])
if ARGV[4] ~= '' and ARGV[4] ~= chat.epoch then
  return found
end
local page, after = 128, ARGV[5] .. '-1'
repeat
  local entries = redis.call('XRANGE', chat.log, after, '+', 'COUNT', page)
  for _, entry in ipairs(entries) do
    local offset = string.match(entry[1], '^%d+')
    if #found < limit and redis.call('ZCOUNT', chat.keys, offset, offset) == 1 then
      found[#found + 1] = entry
    end
    after = offset .. '-1'
  end
until #entries < page or #found == limit
return found
