// The responder beside a signalling server: streamers and players come, leave and crash; its clock is the test's own.
import assert from 'node:assert/strict';
import test from 'node:test';
import { count, look, recall, Responder, REASONS, settingsFrom } from '../../guest/responder.mjs';
import { playerAt, Signalling, streamerAt } from './signalling.mjs';

const DEFAULTS = settingsFrom('{}', 'nothing');
const MACHINE = { machine: 'vm', boot: 'first', now: 0 };
const settled = { passed: true, warmed: true };

// A responder beside a server, in the first boot or in a later one; `at` is a look at that second, and its verdict.
async function scene(t, { later = false, memory = recall(null, MACHINE), settings = {} } = {}) {
  const server = await Signalling.start();
  t.after(() => server.end());
  if (later) Object.assign(memory, { number: 2, healthyIn: 1 });
  let now = 0;
  const responder = new Responder({
    settings: { ...DEFAULTS, ...settings },
    memory,
    now: () => now,
    look: () => look(server.url),
    run: () => assert.fail(),
  });
  const at = async second => {
    now = second;
    await responder.poll();
    return responder.verdict()[0];
  };
  await at(0);
  return { server, responder, memory, at, verdict: second => responder.verdict(second)[0] };
}

const streaming = async server => (await streamerAt(server)).streams();
const inside = async (server, streamer) => (await playerAt(server)).subscribes(streamer);

test('a streamer that has not told its id does not stream, and one that never comes is no verdict', async t => {
  const { server, at } = await scene(t);
  assert.equal(await at(10), 'starting');
  const streamer = await streamerAt(server);
  assert.equal(await at(100_000), 'starting');
  await streamer.streams();
  assert.equal(await at(100_001), 'ready');
});

test('in the first boot nobody is expected, however long', async t => {
  const { server, responder, at } = await scene(t);
  await streaming(server);
  assert.equal(await at(1), 'ready');
  responder.answer();
  assert.equal(await at(100_000), 'ready');
});

test('a boot is not the first one any more once a Healthy was given in an earlier one', async t => {
  const { server, responder, memory, at } = await scene(t, {
    memory: recall({ ...recall(null, MACHINE), at: 9 }, { ...MACHINE, boot: 'second' }),
  });
  await streaming(server);
  assert.equal(memory.number, 2);
  assert.equal(await at(1), 'ready');
  assert.equal(memory.healthyIn, null);
  responder.answer();
  assert.equal(memory.healthyIn, 2);
});

test('a later boot waits for the connect time-out for somebody', async t => {
  const { server, responder, at } = await scene(t, { later: true });
  await streaming(server);
  assert.equal(await at(10), 'waiting');
  responder.answer(); // a Healthy of a later boot makes no first boot of it
  assert.equal(await at(10 + DEFAULTS.connect_seconds - 1), 'waiting');
  assert.equal(await at(10 + DEFAULTS.connect_seconds), 'nobody-yet');
});

test('who opens the page and does not subscribe is not inside', async t => {
  const { server, at } = await scene(t, { later: true });
  await streaming(server);
  await playerAt(server);
  assert.equal(await at(1), 'waiting');
  assert.equal(await at(121), 'nobody-yet');
});

test('who comes late to a machine that waits is inside', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  await at(1);
  assert.equal(await at(4000), 'nobody-yet');
  await inside(server, streamer);
  assert.equal(await at(4001), 'occupied');
});

for (const how of ['leaves', 'vanishes'])
  test(`a visitor who ${how} may come back within grace`, async t => {
    const { server, at, verdict } = await scene(t, { later: true });
    const streamer = await streaming(server);
    await at(1);
    const visitor = await inside(server, streamer);
    assert.equal(await at(500), 'occupied');
    await visitor[how]();
    assert.equal(await at(501), 'left');
    const again = await inside(server, streamer);
    assert.equal(await at(620), 'occupied');
    assert.equal(verdict(100_000), 'occupied');
    await again[how]();
    assert.equal(await at(1000), 'left');
    assert.equal(await at(1000 + DEFAULTS.grace_seconds - 1), 'left');
    assert.equal(await at(1000 + DEFAULTS.grace_seconds), 'nobody-any-more');
  });

test('one of two visitors leaves, and the other is inside', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  await at(1);
  const [one] = [await inside(server, streamer), await inside(server, streamer)];
  await at(2);
  await one.leaves();
  assert.equal(await at(3), 'occupied');
  assert.equal(await at(1000), 'occupied');
});

test('who was inside in the first boot and left is missed: such a machine is not to be offered', async t => {
  const { server, at } = await scene(t);
  const streamer = await streaming(server);
  assert.equal(await at(1), 'ready');
  const somebody = await inside(server, streamer);
  assert.equal(await at(2), 'occupied');
  await somebody.leaves();
  await at(3);
  assert.equal(await at(123), 'nobody-any-more');
});

test('a streamer that crashes is gone after half a minute, and back when it streams', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  await at(1);
  const visitor = await inside(server, streamer);
  assert.equal(await at(2), 'occupied');
  await streamer.crash();
  await visitor.closed;
  assert.equal(await at(10), 'left');
  assert.equal(await at(10 + DEFAULTS.gone_seconds - 1), 'left');
  assert.equal(await at(10 + DEFAULTS.gone_seconds), 'streamer-gone');
  await inside(server, await streaming(server));
  assert.equal(await at(41), 'occupied');
});

test('a streamer that is back after it was gone is waited at anew', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  assert.equal(await at(1), 'waiting');
  await streamer.crash();
  await at(2);
  assert.equal(await at(100), 'streamer-gone');
  await streaming(server);
  assert.equal(await at(101), 'waiting');
  assert.equal(await at(220), 'waiting');
  assert.equal(await at(221), 'nobody-yet');
});

test('nobody reads as back because the streamer went away as well', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  await at(1);
  assert.equal(await at(200), 'nobody-yet');
  await streamer.crash();
  assert.equal(await at(201), 'nobody-yet');
  assert.equal(await at(231), 'streamer-gone');
});

test('a silent signalling server is a streamer that is gone, and does not say that nobody is inside', async t => {
  const { server, responder, at } = await scene(t, { later: true });
  await inside(server, await streaming(server));
  await at(1);
  await server.end();
  assert.equal(await at(10), 'occupied');
  assert.equal(await at(39), 'occupied');
  assert.equal(await at(40), 'streamer-gone');
  assert.match(
    JSON.parse(responder.answer()).customMetrics,
    /The streamer is gone\. The signalling server does not answer \(ECONNREFUSED\)\./,
  );
  const back = await Signalling.start(server.port);
  t.after(() => back.end());
  await inside(back, await streaming(back));
  assert.equal(await at(41), 'occupied');
});

test('an hour without a look proves nothing by itself', async t => {
  const { server, at } = await scene(t, { later: true });
  const streamer = await streaming(server);
  await at(1);
  const visitor = await inside(server, streamer);
  await at(2);
  await visitor.leaves();
  assert.equal(await at(3600), 'left');
  await streamer.crash();
  assert.equal(await at(7200), 'nobody-any-more');
});

// --- What is remembered

const moment = {
  ...recall(null, MACHINE),
  ...settled,
  number: 2,
  healthyIn: 1,
  streamedAt: 5,
  came: true,
  leftAt: 50,
  at: 60,
};

test('a restart within a boot forgets neither who left when, nor which boot it is', async t => {
  const memory = recall(moment, { machine: 'vm', boot: 'first', now: 100 });
  const { server, at } = await scene(t, { memory });
  await streaming(server);
  assert.equal(await at(169), 'left');
  assert.equal(await at(170), 'nobody-any-more');
});

test('a restart within a boot does not count the time in which nobody watched the streamer', async () => {
  assert.equal(recall({ ...moment, goneAt: 20 }, { machine: 'vm', boot: 'first', now: 900 }).goneAt, null);
});

test('another boot remembers the number, the first run and the first Healthy, and nothing else', () => {
  const { number, warmed, healthyIn, ...rest } = recall(
    { ...moment, failed: 'tests', said: 'no GPU' },
    { ...MACHINE, boot: 'next' },
  );
  assert.deepEqual({ number, warmed, healthyIn }, { number: 3, warmed: true, healthyIn: 1 });
  const { number: _, warmed: __, healthyIn: ___, ...fresh } = recall(null, { ...MACHINE, boot: 'next' });
  assert.deepEqual(rest, fresh);
});

test('where a boot is known by its time, the clock may be set by a minute, and uptime never falls', () => {
  const at = (boot, now) => recall({ ...moment, boot: 1_000_000, at: 60 }, { machine: 'vm', boot, now }).number;
  assert.deepEqual([at(1_000_060, 61), at(999_940, 61), at(1_000_061, 61), at(999_939, 61)], [2, 2, 3, 3]);
  assert.equal(at(1_000_030, 59), 3); // a boot within a minute of the one before
});

test('what came with the image, is broken, or was written by somebody else is no memory', () => {
  const fresh = recall(null, MACHINE);
  const others = [
    { ...moment, machine: 'image' },
    { ...moment, leftAt: 'x' },
    { ...moment, number: null },
    [],
    'text',
    7,
    {},
    [moment],
  ];
  for (const stored of others) assert.deepEqual(recall(stored, MACHINE), fresh);
  const { leftAt, ...less } = moment;
  assert.deepEqual(recall(less, MACHINE), fresh);
});

// --- Who counts

test('an SFU counts as neither streamer nor player, and the players behind it count', () => {
  const player = { playerId: 'Player1', type: 'Player' },
    sfu = { playerId: 'SFU', type: 'SFU' };
  const streamer = { type: 'Streamer', streaming: true, subscribers: [sfu] };
  assert.deepEqual(count([streamer, { type: 'SFU', streaming: true, subscribers: [player, player] }]), {
    streamers: 1,
    players: 2,
  });
  assert.deepEqual(count([{ type: 'SFU', streaming: true, subscribers: [] }]), { streamers: 0, players: 0 });
});

test('an answer in which subscribers are missing is trouble: it does not say that nobody is inside', () => {
  for (const said of [null, {}, 'x', [null], [{ streaming: true }], [[]], [{ streaming: true, subscribers: 3 }]])
    assert.ok(count(said).trouble, JSON.stringify(said));
  assert.deepEqual(count([]), { streamers: 0, players: 0 });
});

// --- The answer

test('an answer has the state in one key, and reason, text and numbers as a string of JSON in another', async t => {
  const { server, responder, at } = await scene(t, { later: true });
  assert.deepEqual(Object.keys(JSON.parse(responder.answer())), ['customMetrics']);
  await inside(server, await streaming(server));
  await at(1);
  const answer = JSON.parse(responder.answer());
  assert.deepEqual(Object.keys(answer), ['ApplicationHealthState', 'customMetrics']);
  assert.equal(answer.ApplicationHealthState, 'Healthy');
  assert.deepEqual(JSON.parse(answer.customMetrics), {
    reason: 'occupied',
    text: REASONS.occupied[1],
    players: 1,
    streamers: 1,
    boot: 2,
  });
});
