-- claim: take or keep a chat's lease, and read its queue.
-- KEYS log, head, keys, outbox:due, outbox:dead. ARGV[4] chat, ARGV[5] holder, ARGV[6] how long the lease lasts (ms),
-- ARGV[7] the seq to read after, ARGV[8] how many at most.
-- Reply: fence (0: nothing is queued, or another holder has the lease), how many are queued, epoch, messages.

local box = open_box(ARGV[4], KEYS[4], KEYS[5])
if box.left == 0 or box.taken(ARGV[5]) then
  return {0, box.left, '', {}}
end
local chat = open(KEYS[1], KEYS[2], KEYS[3])
local messages = box.messages(chat, ARGV[7], ARGV[8])
box.take(ARGV[5], tonumber(ARGV[6]))
box.settle()
return {box.fence, box.left, chat.epoch, messages}
