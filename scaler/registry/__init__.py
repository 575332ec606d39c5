"""The door to Redis: records and notes of all machines, and the index of their keys.

keys         the wire contract: keys and scripts;  record_json, notes_json  the values behind them
redis        RedisRegistry;  reading  bounded reads, and bytes -> Row;  batch  a Change -> bytes to compare and to write
scripts      *.lua: every write, atomic
auth         a connection, to a cluster too;  entra  with Entra ID tokens;  failures  redis -> scaler.errors
reservations the queue manager's side: reserve, release, cancel, look, and the answers
"""
