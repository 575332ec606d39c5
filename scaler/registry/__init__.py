"""The door to Redis: records and notes of all machines, and the index of their keys.

keys         the wire contract: the keys;  record_json, notes_json  the values behind them
rows, batch  bytes that were read -> Row;  a Change -> bytes to compare and to write
redis        RedisRegistry;  reading, stored  bounded reads;  scripts/*.lua  every write, atomic
auth         a connection;  entra  a connection with Entra ID tokens;  failures  redis -> scaler.errors
reservations the queue manager's side: reserve, release, cancel, look;  sessions  the answers
"""
