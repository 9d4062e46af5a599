-- letters: dead letters, oldest first.
-- KEYS outbox:dead. ARGV[4] where to start in the stream, ARGV[5] how many at most. Reply: entries of the stream.

return redis.call('XRANGE', KEYS[1], ARGV[4], '+', 'COUNT', ARGV[5])
