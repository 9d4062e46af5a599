-- queue: one chat's queue for people to look at. It takes no lease.
-- KEYS log, head, keys, outbox:due, outbox:dead. ARGV[4] chat, ARGV[5] how many messages at most, ARGV[6] the seq to read
-- after.
-- Reply: how many are queued, holder ('' = nobody), epoch, messages.

local box = open_box(ARGV[4], KEYS[4], KEYS[5])
if box.left == 0 then
  return {0, '', '', {}}
end
local chat = open(KEYS[1], KEYS[2], KEYS[3])
return {box.left, box.ends > now and box.holder or '', chat.epoch, box.messages(chat, ARGV[6], ARGV[5])}
