-- renew: prolong leases.
-- KEYS outbox:due, then the lease of each chat. ARGV[4] holder, ARGV[5] how long a lease lasts (ms), then chat and fence
-- of each. Reply for each: 1 when it is still the holder's, else 0.

local reply, due = {}, {}
local ends = int(now + tonumber(ARGV[5]))
for i = 2, #KEYS do
  local id, fence = ARGV[2 + 2 * i], ARGV[3 + 2 * i]
  local l = redis.call('HMGET', KEYS[i], 'holder', 'fence', 'until')
  local ours = l[1] == ARGV[4] and l[2] == fence and l[3] ~= '0'
  if ours then
    redis.call('HSET', KEYS[i], 'until', ends)
    redis.call('ZADD', KEYS[1], ends, id)
  end
  reply[#reply + 1] = ours and 1 or 0
end
return reply
