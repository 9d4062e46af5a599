-- revive: put a dead letter back at the end of its chat's queue. No lease is taken, since who revives may not be who
-- posts: the holder hears of it, or the chat is an orphan.
-- KEYS outbox:due, outbox:dead. ARGV[4] the letter, ARGV[5] how many messages a queue may have.
-- Reply: 1 done, 0 there is no such letter, -1 the queue is full.

local row = redis.call('XRANGE', KEYS[2], ARGV[4], ARGV[4])[1]
if not row then
  return 0
end
local id, name, data = row[2][2], row[2][4], row[2][6]
local box = open_box(id, KEYS[1], KEYS[2])
local there = box.find(name)
if not there and box.left >= tonumber(ARGV[5]) then
  return -1
end
box.secure()
redis.call('XDEL', KEYS[2], ARGV[4])
if there then
  return 1
end
box.enter(name, data, 0)
box.settle()
local heard = redis.pcall('PUBLISH', 'chat:' .. id, queued_notice)
if type(heard) == 'table' and heard.err then
  return redis.error_reply('UNHEARD queued, but publishing failed')
end
return 1
