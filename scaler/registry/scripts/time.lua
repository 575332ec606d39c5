-- RFC 3339 times, as scaler/registry/record_json.py reads and writes them, and the machines on offer, ordered by them.
-- Prepended to reserve, release, cancel, look and apply.

-- Days since 1970-01-01, and back (the year begins in March: the leap day is its last).
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  local leap_days = math.floor(year_of_era / 4) - math.floor(year_of_era / 100)
  return era * 146097 + year_of_era * 365 + leap_days + day_of_year - 719468
end

local function date_of(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local rest = days - era * 146097
  local skipped = math.floor(rest / 1460) - math.floor(rest / 36524) + math.floor(rest / 146096)
  local year_of_era = math.floor((rest - skipped) / 365)
  local leap_days = math.floor(year_of_era / 4) - math.floor(year_of_era / 100)
  local day_of_year = rest - (365 * year_of_era + leap_days)
  local shifted = math.floor((5 * day_of_year + 2) / 153)
  local month = shifted < 10 and shifted + 3 or shifted - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, day_of_year - math.floor((153 * shifted + 2) / 5) + 1
end

-- A time as a JSON text. Most calls make two texts of one day: the date is reckoned once.
local known_day, known_date
local function time_json(seconds, micros)
  local day, of_day = math.floor(seconds / 86400), seconds % 86400
  if day ~= known_day then known_day, known_date = day, string.format('"%04d-%02d-%02dT', date_of(day)) end
  return known_date .. string.format('%02d:%02d:%02d.%06dZ"',
    math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60, micros)
end

-- Redis' own time as a JSON text, in seconds, and the microseconds beyond them.
local function now_json()
  local time = redis.call('TIME')
  local seconds, micros = tonumber(time[1]), tonumber(time[2])
  return time_json(seconds, micros), seconds, micros
end

local function offset_of(zone)
  if zone == 'Z' then return 0 end
  local sign, hours, minutes = zone:match('^([+-])(%d%d):(%d%d)$')
  if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return nil end
  return (sign == '+' and 1 or -1) * (hours * 3600 + minutes * 60)
end

local FIRST, LAST = -62135596800, 253402300800 -- of the years 1 to 9999, in UTC

-- Microseconds since 1970 of a text; nil if it is not a time.
local function moment(text)
  if type(text) ~= 'string' then return nil end
  local year, month, day, hour, minute, second, rest = text:match('^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)$')
  if not year then return nil end
  local fraction, zone = rest:match('^%.(%d+)(.*)$')
  local offset = offset_of(zone or rest)
  local y, m, d = tonumber(year), tonumber(month), tonumber(day)
  local h, min, s = tonumber(hour), tonumber(minute), tonumber(second)
  if not offset or y < 1 or m < 1 or m > 12 or h > 23 or min > 59 or s > 59 then return nil end
  local _, month_of_it = date_of(days_of(y, m, d))
  if month_of_it ~= m then return nil end -- no such day in that month
  local micros = tonumber(((fraction or '') .. '000000'):sub(1, 6))
  local seconds = (days_of(y, m, d) * 24 + h) * 3600 + min * 60 + s - offset
  if seconds < FIRST or seconds >= LAST then return nil end
  return seconds * 1000000 + micros
end

-- The machines on offer, best first, are a sorted set beside `available`. A hint only: `available` alone says which
-- machine is free. A user of Redis that may not use sorted sets orders nothing, and loses nothing.

-- Hot before warm before cold, then the oldest, so that none grows stale. Seconds; no year that a record can name has
-- so many.
local WARM_FIRST, HOT_FIRST, UNKNOWN_AGE = 1000000000000, 2000000000000, 500000000000

local function tier_of(record)
  return moment(record.hotSince) and 'hot' or record.warm == true and 'warm' or 'cold'
end

local function score_of(record)
  local created, tier = moment(record.createdAt), tier_of(record)
  local first = tier == 'hot' and HOT_FIRST or tier == 'warm' and WARM_FIRST or 0
  return (created and created / 1000000 or UNKNOWN_AGE) - first
end

local function offer(offers, key, record) redis.pcall('ZADD', offers, score_of(record), key) end

local function withdraw(offers, ...) redis.pcall('ZREM', offers, ...) end
