-- JSON as text: the members of an object with their values to the byte (cjson would turn [] into {} and round numbers).
-- Prepended to reserve, release, cancel and look. Accepts what scaler/registry/record_json.py accepts.

local NULL = cjson.null

local function is_utf8(text)
  if text:find('^[%z\1-\127]*$') then return true end -- one run of a class is five times as quick as a search for it
  local forms = {
    '^[\194-\223][\128-\191]', '^\224[\160-\191][\128-\191]', '^[\225-\236\238\239][\128-\191][\128-\191]',
    '^\237[\128-\159][\128-\191]', '^\240[\144-\191][\128-\191][\128-\191]',
    '^[\241-\243][\128-\191][\128-\191][\128-\191]', '^\244[\128-\143][\128-\191][\128-\191]',
  }
  local at = text:find('[\128-\255]')
  while at do
    local stop
    for _, form in ipairs(forms) do
      stop = stop or select(2, text:find(form, at))
    end
    if not stop then return false end
    at = text:find('[\128-\255]', stop + 1)
  end
  return true
end

-- What finds the end of a space, and of a container. Made only where a text needs it: a call of a script makes each
-- function anew that stands in no other one.
local function parser()
  -- Each past_… takes the place where something begins and returns the place after it, nil if it is malformed. One
  -- search of the text for a usual name, value or comma: the server does nothing else meanwhile.
  local function past_space(text, at)
    return text:find('[^ \t\n\r]', at) or #text + 1
  end

  local function past_string(text, at)
    local _, close = text:find('^"[^"\\%z\1-\31]*"', at)
    if close then return close + 1 end
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

  -- The place of the value behind a name, and the name in its quotes.
  local function past_name(text, at)
    local stop = text:byte(at) == 34 and past_string(text, at)
    local _, colon = text:find('^[ \t\n\r]*:[ \t\n\r]*', stop or #text + 1)
    if not colon then return nil end
    return colon + 1, text:sub(at, stop - 1)
  end

  local function past_comma(text, stop)
    if text:byte(stop) == 44 then return past_space(text, stop + 1) end
    stop = past_space(text, stop)
    return text:byte(stop) == 44 and past_space(text, stop + 1) or nil, stop
  end

  -- Where a member of an object begins: the place after it, its name in quotes and its value. Most members are two
  -- short texts, and one search tells.
  local USUAL = '^("[^"\\%z\1-\31]*"):("[^"\\%z\1-\31]*")'
  local function past_member(text, at, depth)
    local _, stop, name, raw = text:find(USUAL, at)
    if stop then return stop + 1, name, raw end
    at, name = past_name(text, at)
    stop = at and past_value(text, at, depth)
    return stop, name, stop and text:sub(at, stop - 1)
  end

  local function past_container(text, at, depth, visit)
    if depth > MAX_DEPTH then return nil end
    local is_object = text:byte(at) == 123
    local past, close = is_object and past_member or past_value, is_object and 125 or 93
    at = past_space(text, at + 1)
    if text:byte(at) == close then return at + 1 end
    while at do
      local stop, name, raw = past(text, at, depth + 1)
      if not stop then return nil end
      if visit then visit(name, raw) end
      at, stop = past_comma(text, stop)
      if not at then return text:byte(stop) == close and stop + 1 or nil end
    end
  end

  local LITERALS = {[116] = 'true', [102] = 'false', [110] = 'null'}

  past_value = function(text, at, depth)
    local char = text:byte(at)
    if char == 34 then return past_string(text, at) end
    if char == 123 or char == 91 then return past_container(text, at, depth) end
    local word = LITERALS[char]
    if not word then return past_number(text, at) end
    return text:sub(at, at + #word - 1) == word and at + #word or nil
  end

  return past_space, past_container
end

-- The object as cjson understands it, nil if the text is none, or longer than notes may be (a record has a limit of its
-- own). Quick, but its values are not to be written back.
local function decoded(text)
  if not text or #text > LONGEST_NOTES or not text:find('^[ \t\n\r]*{') then return nil end
  local ok, value = pcall(cjson.decode, text)
  return ok and value or nil
end

-- The object's members in their order: a list of {name = …, quoted = …, raw = …}, where of two with one
-- name the last counts; nil if the text is not strictly JSON in UTF-8.
local function members(text)
  if not text or #text > LONGEST_NOTES or not is_utf8(text) then return nil end
  -- What stands behind a backslash may be half a character: cjson knows.
  if text:find('\\', 1, true) and not decoded(text) then return nil end
  local past_space, past_container = parser()
  local list, at = {}, past_space(text, 1)
  local stop = text:byte(at) == 123 and past_container(text, at, 1, function(quoted, raw)
    local name = quoted:find('\\', 1, true) and cjson.decode('[' .. quoted .. ']')[1] or quoted:sub(2, -2)
    list[#list + 1] = {name = name, quoted = quoted, raw = raw}
  end)
  if not stop or past_space(text, stop) <= #text then return nil end
  return list
end

local function object(list)
  local parts = {}
  for number, member in ipairs(list) do
    parts[number] = (member.quoted or cjson.encode(member.name)) .. ':' .. member.raw
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

-- Whether the object's text has this number in plain digits, and once: cjson takes more for a number than JSON does.
local function is_count(text, name, value)
  if type(value) ~= 'number' then return false end
  local quoted = '"' .. name .. '":'
  local _, colon = text:find(quoted, 1, true)
  local digits = colon and text:match('^(%d+)[,}]', colon + 1)
  return digits == tostring(value) and not text:find(quoted, colon, true)
end

-- The object's text with these members set to raw values, which stay in their place or come last. Quick: for objects of
-- nothing but short texts, counts, true and false, as nearly every record and note is one. Nil for all others.
-- VALUES: the object as cjson understands it; NAMES: those of CHANGES, in the order in which the text has them.
local function spliced(text, values, names, changes)
  if text:find('\\', 1, true) or not text:find('^[ -~]*}$') then return nil end
  for name, value in pairs(values) do
    if type(value) ~= 'string' and type(value) ~= 'boolean' and not is_count(text, name, value) then return nil end
  end
  local edit, added, at = '', '', 1
  for _, name in ipairs(names) do
    local raw, old = changes[name], values[name]
    if raw and old == nil then
      added = added .. ',"' .. name .. '":' .. raw
    elseif raw ~= nil and old ~= nil then
      local quoted = '"' .. name .. '":'
      local _, colon = text:find(quoted, at, true)
      if not raw or not colon or type(old) == 'number' or text:byte(colon + 1) == 32 then return nil end
      local stop = old == true and colon + 4 or old == false and colon + 5 or text:find('"', colon + 2, true)
      if text:find(quoted, stop, true) then return nil end
      edit, at = edit .. text:sub(at, colon) .. raw, stop + 1
    end
  end
  return edit .. text:sub(at, -2) .. added .. '}'
end
