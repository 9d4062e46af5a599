-- read: the entries after a position.
-- KEYS log, head, keys. ARGV[4] epoch ('' = the log's own), ARGV[5] offset, ARGV[6] how many at most.
-- Reply: epoch, offset of the last entry, 1 when the position cannot be continued without loss (else 0), entries.

local chat = open(KEYS[1], KEYS[2], KEYS[3])
local after, gap = tonumber(ARGV[5]), 0
if (ARGV[4] ~= '' and ARGV[4] ~= chat.epoch) or after > chat.offset then
  after, gap = 0, 1
end
local entries = {}
if after < chat.offset then
  local first = int(after + 1) .. '-0'
  entries = redis.call('XRANGE', chat.log, first, '+', 'COUNT', ARGV[6])
  if not entries[1] or entries[1][1] ~= first then
    gap = 1
  end
end
return {chat.epoch, chat.offset, gap, entries}
