-- JSON as text: the members of an object with their values to the byte (cjson would turn [] into {} and round numbers).
-- Prepended to reserve, release, cancel and look. Accepts what scaler/registry/record_json.py accepts.

local NULL = cjson.null

local UTF8 = {
  '^[\194-\223][\128-\191]', '^\224[\160-\191][\128-\191]', '^[\225-\236\238\239][\128-\191][\128-\191]',
  '^\237[\128-\159][\128-\191]', '^\240[\144-\191][\128-\191][\128-\191]',
  '^[\241-\243][\128-\191][\128-\191][\128-\191]', '^\244[\128-\143][\128-\191][\128-\191]',
}

local function is_utf8(text)
  local at = text:find('[\128-\255]')
  while at do
    local stop
    for _, form in ipairs(UTF8) do
      stop = stop or select(2, text:find(form, at))
    end
    if not stop then return false end
    at = text:find('[\128-\255]', stop + 1)
  end
  return true
end

local function past_space(text, at)
  return text:find('[^ \t\n\r]', at) or #text + 1
end

-- Each past_… takes the place where something begins and returns the place after it, nil if it is malformed.
local function past_string(text, at)
  at = at + 1
  while true do
    at = text:find('[%z\1-\31"\\]', at)
    local char = at and text:byte(at)
    if char == 34 then return at + 1 end
    if char ~= 92 then return nil end
    local stop = select(2, text:find('^["\\/bfnrt]', at + 1)) or select(2, text:find('^u%x%x%x%x', at + 1))
    if not stop then return nil end
    at = stop + 1
  end
end

local function past_number(text, at)
  local stop = select(2, text:find('^%-?0', at)) or select(2, text:find('^%-?[1-9]%d*', at))
  if not stop then return nil end
  stop = select(2, text:find('^%.%d+', stop + 1)) or stop
  stop = select(2, text:find('^[eE][+-]?%d+', stop + 1)) or stop
  return stop + 1
end

local past_value

local function past_name(text, at)
  local stop = text:byte(at) == 34 and past_string(text, at)
  local colon = stop and past_space(text, stop)
  if not colon or text:byte(colon) ~= 58 then return nil end
  return past_space(text, colon + 1), text:sub(at, stop - 1)
end

local function past_container(text, at, depth, visit)
  if depth > MAX_DEPTH then return nil end
  local is_object = text:byte(at) == 123
  local close = is_object and 125 or 93
  at = past_space(text, at + 1)
  if text:byte(at) == close then return at + 1 end
  while true do
    local name
    if is_object then
      at, name = past_name(text, at)
      if not at then return nil end
    end
    local stop = past_value(text, at, depth + 1)
    if not stop then return nil end
    if visit then visit(name, text:sub(at, stop - 1)) end
    at = past_space(text, stop)
    if text:byte(at) == close then return at + 1 end
    if text:byte(at) ~= 44 then return nil end
    at = past_space(text, at + 1)
  end
end

local function past_literal(text, at)
  for _, word in ipairs({'true', 'false', 'null'}) do
    if text:sub(at, at + #word - 1) == word then return at + #word end
  end
end

past_value = function(text, at, depth)
  local char = text:byte(at)
  if char == 34 then return past_string(text, at) end
  if char == 123 or char == 91 then return past_container(text, at, depth) end
  return past_literal(text, at) or past_number(text, at)
end

-- The object as cjson understands it, nil if the text is none, or longer than notes may be (a record has a limit of its
-- own). Quick, but its values are not to be written back.
local function decoded(text)
  if not text or #text > LONGEST_NOTES or not text:find('^[ \t\n\r]*{') then return nil end
  local ok, value = pcall(cjson.decode, text)
  return ok and value or nil
end

-- The object's members in their order: a list of {name = …, raw = …}, where of two with one
-- name the last counts; nil if the text is not strictly JSON in UTF-8.
local function members(text)
  if not decoded(text) or not is_utf8(text) then return nil end
  local list = {}
  local stop = past_container(text, past_space(text, 1), 1, function(quoted, raw)
    list[#list + 1] = {name = cjson.decode('[' .. quoted .. ']')[1], raw = raw}
  end)
  if not stop or past_space(text, stop) <= #text then return nil end
  return list
end

local function object(list)
  local parts = {}
  for _, member in ipairs(list) do
    parts[#parts + 1] = cjson.encode(member.name) .. ':' .. member.raw
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

-- The members with one of them set to this raw value; without it where raw is nil.
local function with(list, name, raw)
  local after = {}
  for _, member in ipairs(list) do
    if member.name ~= name then after[#after + 1] = member end
  end
  if raw then after[#after + 1] = {name = name, raw = raw} end
  return after
end
