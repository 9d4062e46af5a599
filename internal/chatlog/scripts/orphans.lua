-- orphans: chats with messages whose lease has ended, the longest ago first. Those without messages leave the index.
-- KEYS outbox:due. ARGV[4] how many at most. Reply: chats.

local found, limit = {}, tonumber(ARGV[4])
while #found < limit do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', #found, limit - #found)
  if #ids == 0 then
    break
  end
  for _, id in ipairs(ids) do
    if redis.call('EXISTS', queue_key(id)) == 1 then
      found[#found + 1] = id
    else
      redis.call('ZREM', KEYS[1], id)
    end
  end
end
return found
