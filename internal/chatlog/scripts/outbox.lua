-- Shared by the scripts that know the outbox: one chat's queue, its lease, and the index of all queues. It is put after
-- chat.lua.
--
--   stream  queue:{chat}   the messages: id <seq>-0, fields n (name), d (data) and s (when it was sent, ms; 0 = not known)
--   hash    queued:{chat}  the seq of each name
--   hash    sent:{chat}    for names that were sent earlier than their message says: <seq>:<time>, of that seq only
--   hash    lease:{chat}   holder, fence, until (ms; 0: the lease ended with the last message), seq (the last given)
--   zset    outbox:due     chats with messages, scored with the end of their lease (ms)
--   stream  outbox:dead    dead letters: fields c (chat), n, d, r (reason)
--
-- The queue is no part of the log: a new epoch leaves it alone. While messages are queued none of its keys expires; an
-- empty one leaves only the lease, whose holder may ask again for what it was not answered. Fence and seq are the
-- server's milliseconds, or one more than the previous: they rise even when the lease was lost.

local queued_notice = '{"type":"outbox_queued"}'

local function queue_key(id)
  return 'queue:{' .. id .. '}'
end

-- Everything is read here, also keys that are only written later, so that one of another type is found before anything
-- is done. The functions are made here too: a script makes its functions anew in each run, and most need none of these.
local function open_box(id, due, dead)
  local queue, queued, lease = queue_key(id), 'queued:{' .. id .. '}', 'lease:{' .. id .. '}'
  local dates = 'sent:{' .. id .. '}'
  local l = redis.call('HMGET', lease, 'holder', 'fence', 'until', 'seq')
  local box = {left = redis.call('XLEN', queue), holder = l[1] or '', fence = tonumber(l[2] or 0), ends = tonumber(l[3] or 0)}
  local seq, names = tonumber(l[4] or 0), redis.call('HLEN', queued)
  local dated = redis.call('HLEN', dates) > 0
  redis.call('ZSCORE', due, id)
  redis.call('XLEN', dead)

  if not l[4] and box.left > 0 then -- the lease was lost
    seq = tonumber(string.match(redis.call('XREVRANGE', queue, '+', '-', 'COUNT', 1)[1][1], '^%d+'))
  end
  if names ~= box.left then -- the names were lost, or the messages: the queue is what counts
    redis.call('DEL', queued)
    for _, row in ipairs(redis.call('XRANGE', queue, '-', '+')) do
      redis.call('HSET', queued, row[2][2], string.match(row[1], '^%d+'))
    end
  end
  if box.left == 0 then
    box.ends = 0
  end

  -- A full server refuses the writes that may add, until the script has written. This is such a one, and comes before
  -- those that take away.
  function box.secure()
    if not box.secured then
      redis.call('HSET', lease, 'seq', int(seq))
      box.secured = true
    end
  end

  -- The fence of a holder's lease, also of one that has run out but that nobody took; 0: it has none.
  function box.held(holder)
    return box.holder == holder and box.ends > 0 and box.fence or 0
  end

  -- Another holder's lease lasts.
  function box.taken(holder)
    return box.holder ~= holder and box.ends > now
  end

  -- The seq of a queued name, or false.
  function box.find(name)
    return redis.call('HGET', queued, name)
  end

  -- When the name of a row of the queue was sent first, as far as is known.
  local function sent(row)
    local own, at = tonumber(row[2][6] or 0), string.match(row[1], '^%d+')
    if dated then
      local of, time = string.match(redis.call('HGET', dates, row[2][2]) or '', '^(%d+):(%d+)$')
      return of == at and tonumber(time) or own
    end
    return own
  end

  function box.sent(at)
    local row = redis.call('XRANGE', queue, at .. '-0', at .. '-0')[1]
    return row and sent(row) or 0
  end

  -- Notes that a name which is queued at a seq was sent earlier.
  function box.date(name, at, time)
    redis.call('HSET', dates, name, at .. ':' .. time)
    dated = true
  end

  function box.enter(name, data, time)
    seq = math.max(seq + 1, now)
    redis.call('XADD', queue, int(seq) .. '-0', 'n', name, 'd', data, 's', time)
    redis.call('HSET', queued, name, int(seq))
    box.left = box.left + 1
  end

  -- With a reason the message goes to the dead letters. The lease ends with the last message.
  function box.leave(name, at, reason)
    at = at .. '-0'
    if reason ~= '' then
      local row = redis.call('XRANGE', queue, at, at)[1]
      redis.call('XADD', dead, '*', 'c', id, 'n', name, 'd', row and row[2][4] or '', 'r', reason)
    end
    redis.call('XDEL', queue, at)
    redis.call('HDEL', queued, name)
    box.left = box.left - 1
    if box.left == 0 then
      box.ends = 0
    end
  end

  function box.take(holder, lasts)
    if box.held(holder) == 0 then
      box.holder, box.fence = holder, math.max(box.fence + 1, now)
    end
    box.ends = now + lasts
  end

  -- Writes down what became of the lease.
  function box.settle()
    redis.call('HSET', lease, 'holder', box.holder, 'fence', int(box.fence), 'until', int(box.ends), 'seq', int(seq))
    if box.left > 0 then
      redis.call('PERSIST', lease)
      redis.call('ZADD', due, int(box.ends), id)
    else
      redis.call('PEXPIRE', lease, ttl)
      redis.call('DEL', queue, queued, dates)
      redis.call('ZREM', due, id)
    end
  end

  -- Messages after a seq, each as seq, name, data, the offset that its name finds (0: none), and when it was sent.
  function box.messages(chat, after, count)
    local found = {}
    for i, row in ipairs(redis.call('XRANGE', queue, after .. '-1', '+', 'COUNT', count)) do
      local name = row[2][2]
      local logged = redis.call('ZSCORE', chat.keys, name)
      found[i] = {string.match(row[1], '^%d+'), name, row[2][4], tonumber(logged or 0), sent(row)}
    end
    return found
  end

  return box
end
