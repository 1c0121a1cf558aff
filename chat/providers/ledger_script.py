"""What `ledger` and `breaker` say, as Redis does it: in one step, for all processes together.

Owns the names and shapes of the keys in Redis. Times are the caller's, in seconds of the epoch;
Redis's own clock only drops what nobody asks for any more.

    key:<key>        hash: `limited:<model>`, `rests`: until when
    member:<member>  hash: failures, since, open_until, probing_until, rests
    places:<key>     sorted set: the claims that hold a place, by when they lose it
    asked:<key>      sorted set: the claims of the last minute, by when they were made
"""

# A process renews the places that it holds; those of one that died come free after this.
PLACE_SECONDS = 60.0
KEPT_SECONDS = 3_600

_NAMES = """
local function number(value) return tonumber(value or '') or 0 end
local function text(value) return string.format('%.6f', value) end
"""

CLAIM = (
    _NAMES
    + """
local prefix, candidates = ARGV[1], cjson.decode(ARGV[2])
local claim, now, resting = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local probe_seconds, busy_seconds = tonumber(ARGV[6]), tonumber(ARGV[7])

local function hindrance(candidate)
    local limited = number(redis.call('HGET', prefix .. 'key:' .. candidate.key,
                                      'limited:' .. candidate.model))
    if limited > now then return limited, 'limited' end
    local circuit = redis.call('HMGET', prefix .. 'member:' .. candidate.member,
                               'open_until', 'probing_until')
    local shut = math.max(number(circuit[1]), number(circuit[2]))
    if shut > now then return shut, 'open' end
    if candidate.requests_per_minute > 0 then
        local asked = prefix .. 'asked:' .. candidate.key
        redis.call('ZREMRANGEBYSCORE', asked, '-inf', text(now - 60))
        if redis.call('ZCARD', asked) >= candidate.requests_per_minute then
            local first = redis.call('ZRANGE', asked, 0, 0, 'WITHSCORES')
            return number(first[2]) + 60, 'limited'
        end
    end
    if candidate.max_concurrent > 0 then
        local places = prefix .. 'places:' .. candidate.key
        redis.call('ZREMRANGEBYSCORE', places, '-inf', text(now))
        if redis.call('ZCARD', places) >= candidate.max_concurrent then
            return now + busy_seconds, 'busy'
        end
    end
    return nil
end

local function rests(candidate)
    local key = number(redis.call('HGET', prefix .. 'key:' .. candidate.key, 'rests'))
    local member = number(redis.call('HGET', prefix .. 'member:' .. candidate.member, 'rests'))
    return math.max(key, member) > now
end

local function take(place)
    local candidate = candidates[place]
    local member = prefix .. 'member:' .. candidate.member
    local probes = number(redis.call('HGET', member, 'open_until')) > 0
    if probes then redis.call('HSET', member, 'probing_until', text(now + probe_seconds)) end
    if candidate.max_concurrent > 0 then
        local places = prefix .. 'places:' .. candidate.key
        redis.call('ZADD', places, text(now + tonumber(ARGV[8])), claim)
        redis.call('EXPIRE', places, ARGV[9])
    end
    if candidate.requests_per_minute > 0 then
        local asked = prefix .. 'asked:' .. candidate.key
        redis.call('ZADD', asked, text(now), claim)
        redis.call('EXPIRE', asked, ARGV[9])
    end
    return {place, probes and 1 or 0}
end

local rested, soonest, why = nil, nil, 'busy'
for place, candidate in ipairs(candidates) do
    local moment, reason = hindrance(candidate)
    if moment then
        if not soonest or moment < soonest then soonest, why = moment, reason end
    elseif rests(candidate) then
        rested = rested or place
    else
        return take(place)
    end
end
if rested and resting then return take(rested) end
if rested then return {0, 'resting', '0'} end
return {0, why, text((soonest or now) - now)}
"""
)

SETTLE = (
    _NAMES
    + """
local prefix, candidate = ARGV[1], cjson.decode(ARGV[2])
local claim, now, probe, release = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6] == '1'
local outcome = ARGV[7]
local limited, key_rests, member_rests = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local failures, window, open = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local key, member = prefix .. 'key:' .. candidate.key, prefix .. 'member:' .. candidate.member

if release then redis.call('ZREM', prefix .. 'places:' .. candidate.key, claim) end
if limited > 0 then redis.call('HSET', key, 'limited:' .. candidate.model, text(now + limited)) end
if key_rests > 0 then redis.call('HSET', key, 'rests', text(now + key_rests)) end
local longest = math.max(limited, key_rests, 0)
if longest > 0 then redis.call('EXPIRE', key, math.ceil(longest) + ARGV[14]) end
if member_rests > 0 then
    redis.call('HSET', member, 'rests', text(now + member_rests))
elseif outcome == 'well' then
    redis.call('HDEL', member, 'rests')
end

local circuit = redis.call('HMGET', member, 'failures', 'since', 'open_until')
local count, since, is_open = number(circuit[1]), number(circuit[2]), number(circuit[3]) > 0
local opened = 0
if outcome == 'well' and (probe or not is_open) then
    redis.call('HDEL', member, 'failures', 'since', 'open_until', 'probing_until')
elseif outcome == 'failed' and failures > 0 and (probe or not is_open) then
    if now - since > window then count, since = 0, now end
    count = count + 1
    if probe or count >= failures then
        redis.call('HDEL', member, 'failures', 'since', 'probing_until')
        redis.call('HSET', member, 'open_until', text(now + open))
        opened = 1
    else
        redis.call('HSET', member, 'failures', count, 'since', text(since))
    end
elseif outcome == 'unknown' and probe then
    redis.call('HDEL', member, 'probing_until')
end
redis.call('EXPIRE', member, ARGV[14])
return opened
"""
)
