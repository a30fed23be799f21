/*
 * Applies records of one partition of a read-model topic in one step, which nothing in Redis can come between.
 *
 * Invariants:
 * 1. The stored position is past exactly the records applied. So a record below it changes nothing, and records
 *    that would leave a hole above it are refused whole: after a flush, or a restore of an old copy, the reader
 *    has to go back.
 * 2. A value is replaced only by a greater version, [n, index]. The version outlives its value, so that a
 *    republished older record does not bring a removed key back.
 * 3. The position moves last: if Redis refuses a write half-way, the records are applied again.
 *
 * KEYS: position, versions, then the key of each record.
 * ARGV: from, next, then five per record: offset, 'set' or 'del', value, n, index (n empty: an operator's record).
 * Gives the position that is stored afterwards.
 */
export const APPLY_SCRIPT = `
local stored = redis.call('GET', KEYS[1]) or '0'
if tonumber(stored) < tonumber(ARGV[1]) or tonumber(stored) >= tonumber(ARGV[2]) then
  return stored
end

local function newer(key, n, index)
  local version = redis.call('HGET', KEYS[2], key)
  if not version then return true end
  local last_n, last_index = string.match(version, '^(%d+)/(%d+)$')
  last_n, last_index = tonumber(last_n), tonumber(last_index)
  return n > last_n or (n == last_n and index > last_index)
end

for i = 3, #KEYS do
  local at = 3 + (i - 3) * 5
  local key, n, index = KEYS[i], ARGV[at + 3], ARGV[at + 4]
  local ahead = tonumber(ARGV[at]) >= tonumber(stored)
  if ahead and (n == '' or newer(key, tonumber(n), tonumber(index))) then
    if ARGV[at + 1] == 'set' then
      redis.call('SET', key, ARGV[at + 2])
    else
      redis.call('DEL', key)
    end
    if n ~= '' then redis.call('HSET', KEYS[2], key, n .. '/' .. index) end
  end
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`;
