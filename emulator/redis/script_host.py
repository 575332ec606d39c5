"""A host for Lua scripts with KEYS, ARGV, redis.call and cjson as in Redis; no variable outlives a script."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count, takewhile
from typing import Any

import lupa.lua51 as lupa  # Redis has this version of Lua
from redis.exceptions import ResponseError

from emulator.redis.keyspace import Command

_STATUSES = frozenset({b"SET", b"MSET", b"TYPE"})
_LISTS = frozenset({b"MGET", b"SMEMBERS", b"SRANDMEMBER", b"TIME", b"ZRANGE"})
_PRELUDE = rb"""
local decode = ...
local ESCAPES = {['"'] = '\\"', ['\\'] = '\\\\', ['/'] = '\\/', ['\127'] = '\\u007f'}
for code = 0, 31 do ESCAPES[string.char(code)] = ('\\u%04x'):format(code) end
for char, letter in pairs({['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'}) do
  ESCAPES[char] = '\\' .. letter
end
local cjson = {null = newproxy()}
function cjson.encode(text) return '"' .. text:gsub('[%z\1-\31"\\/\127]', ESCAPES) .. '"' end

-- No script changes what it has decoded, so each text is decoded once.
local KEPT, known, number = 4096, {}, 0
function cjson.decode(text)
  local value = known[text]
  if value == nil then
    if number >= KEPT then known, number = {}, 0 end
    value, number = decode(text, cjson.null), number + 1
    known[text] = value
  end
  return value
end

local function redis_with(commands, statuses)
  local redis = {}
  function redis.call(name, ...)
    local answer = commands[name](...)
    return statuses[name] and {ok = answer} or answer
  end
  function redis.pcall(...)
    local done, answer = pcall(redis.call, ...)
    if done then return answer end
    return {err = tostring(answer)}
  end
  function redis.error_reply(text) return {err = text} end
  function redis.status_reply(text) return {ok = text} end
  return redis
end

-- Runs a script. Returns 'error' and a text, 'list', how many and its members, or 'value' and that.
local function run(script, redis, number, ...)
  local KEYS, ARGV = {}, {}
  for at, text in ipairs({...}) do
    if at <= number then KEYS[at] = text else ARGV[at - number] = text end
  end
  local answer = script(KEYS, ARGV, redis, cjson)
  if type(answer) ~= 'table' then return 'value', answer end
  if answer.err then return 'error', answer.err end
  if answer.ok then return 'value', answer.ok end
  local length = 0
  while answer[length + 1] ~= nil do length = length + 1 end
  return 'list', length, unpack(answer, 1, length)
end

collectgarbage('setpause', 400) -- each run of a script leaves a heap of small functions behind
setmetatable(_G, {__newindex = function(_, name) error('Script attempted to create global variable ' .. name) end})
return redis_with, run
"""


class ScriptHost:
    """Scripts over the commands of one server. All servers of a process share one Lua: it compiles each script once."""

    def __init__(self, commands: Mapping[bytes, Command]) -> None:
        lua = _lua()
        offered = {name: _listing(command) if name in _LISTS else command for name, command in commands.items()}
        self._redis = lua.redis_with(lua.table(offered), lua.table(dict.fromkeys(_STATUSES, True)))

    def run(self, script: bytes, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """The answer of a script, as Redis would send it. Raises ResponseError where the script reports an error."""
        lua = _lua()
        try:
            kind, *answer = lua.run(lua.compiled(script), self._redis, len(keys), *keys, *arguments)
        except lupa.LuaError as error:
            raise ResponseError(str(error)) from error
        if kind == b"error":
            raise ResponseError(answer[0].decode("utf-8", "replace"))
        return [_sent(each) for each in answer[1:]] if kind == b"list" else _sent(answer[0])


class _Lua:
    """The Lua interpreter of this process, and the scripts that it has compiled."""

    def __init__(self) -> None:
        self._runtime = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
        self.table = self._runtime.table_from
        self.redis_with, self.run = self._runtime.execute(_PRELUDE, self._decoded)
        self._compiled: dict[bytes, Any] = {}

    def compiled(self, script: bytes) -> Any:
        """A script as a function of KEYS, ARGV, redis and cjson."""
        found = self._compiled.get(script)
        if found is None:
            text = b"function(KEYS, ARGV, redis, cjson) " + script + b"\nend"
            found = self._compiled[script] = self._runtime.eval(text)
        return found

    def _decoded(self, text: bytes, null: Any) -> Any:
        """Decode as leniently as cjson: control characters, NaN, bytes that are no UTF-8, numbers beyond all bounds."""
        return self._of_json(json.loads(text.decode("utf-8", "surrogateescape"), strict=False, parse_int=float), null)

    def _of_json(self, value: Any, null: Any) -> Any:
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, dict):
            return self.table({_text(name): self._of_json(each, null) for name, each in value.items()})
        if isinstance(value, list):
            return self.table([self._of_json(each, null) for each in value])
        return null if value is None else value


_lua = cache(_Lua)
_Table = type(lupa.LuaRuntime().table())


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _listing(command: Command) -> Command:
    def listed(*arguments: Any) -> Any:
        answer = command(*arguments)
        return _lua().table(answer) if isinstance(answer, list) else answer

    return listed


def _sent(answer: Any) -> Any:
    """The answer as Redis sends it: a number without fraction, nil for false, a list up to the first nil."""
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, bool):
        return 1 if answer else None
    if isinstance(answer, _Table):
        members = list(answer.values())
        if len(members) == len(answer):
            return [_sent(member) for member in members]
        listed = takewhile(lambda member: member is not None, (answer[number] for number in count(1)))
        return answer[b"ok"] or [_sent(member) for member in listed]
    return int(answer) if isinstance(answer, float) else answer
