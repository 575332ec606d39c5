// The operator's functional tests and the first run of the application: when they run, and what comes of them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { printable, recall, Responder, run, settingsFrom } from '../../guest/responder.mjs';
import { gone } from './processes.mjs';

const DEFAULTS = settingsFrom('{}', 'nothing');
const UP = { streamers: 1, players: 0 },
  DOWN = { trouble: 'It is not up.' };
const node = code => run([process.execPath, '-e', code], 60);

// A responder whose looks are given one by one, and whose commands end when the test says so.
function scene(settings, stored = null, boot = 'first') {
  let now = 0,
    seen = DOWN;
  const ran = [],
    memory = recall(stored, { machine: 'vm', boot, now });
  const responder = new Responder({
    settings: { ...DEFAULTS, ...settings },
    memory,
    now: () => now,
    look: () => new Promise(done => setImmediate(() => done(seen))),
    run: command =>
      new Promise(end => ran.push({ command, end: passed => (end({ passed, said: 'its last line' }), ended()) })),
  });
  const ended = () => new Promise(done => setImmediate(done));
  const at = async (second, look) => {
    [now, seen] = [second, look];
    await responder.poll();
    return responder.verdict();
  };
  return { at, ran, memory, responder };
}

test('the tests run once in a boot, and before them nothing is a verdict', async () => {
  const { at, ran, responder, memory } = scene({ tests: ['check'] });
  assert.deepEqual(await at(0, UP), ['testing', '']);
  assert.deepEqual(await at(500, UP), ['testing', '']);
  assert.deepEqual(JSON.parse(responder.answer()).ApplicationHealthState, undefined);
  assert.deepEqual(
    ran.map(({ command }) => command),
    [['check']],
  );
  await ran[0].end(true);
  assert.equal(responder.verdict()[0], 'starting');
  await at(501, UP);
  assert.deepEqual(await at(502, UP), ['ready', '']);
  const restarted = scene({ tests: ['check'] }, { ...memory, at: 502 });
  await restarted.at(503, UP);
  assert.equal(restarted.ran.length, 0);
  const next = scene({ tests: ['check'] }, { ...memory, at: 502 }, 'next');
  assert.deepEqual(await next.at(0, UP), ['testing', '']);
});

test('failed tests are final in their boot, also for a responder that is started again', async () => {
  const { at, ran, responder, memory } = scene({ tests: ['check'] });
  await at(0, DOWN);
  await ran[0].end(false);
  assert.deepEqual(await at(9000, UP), ['tests-failed', 'its last line']);
  assert.equal(ran.length, 1);
  const { ApplicationHealthState, customMetrics } = JSON.parse(responder.answer());
  assert.equal(ApplicationHealthState, 'Unhealthy');
  assert.equal(JSON.parse(customMetrics).text, 'The functional tests failed. its last line');
  const restarted = scene({ tests: ['check'] }, { ...memory, at: 9000 });
  assert.deepEqual(await restarted.at(9001, UP), ['tests-failed', 'its last line']);
  const next = scene({ tests: ['check'] }, { ...memory, at: 9000 }, 'next');
  assert.deepEqual(await next.at(0, UP), ['testing', '']);
});

test('a player that the tests brought along is no visitor', async () => {
  const { at, ran } = scene(
    { tests: ['check'] },
    { ...recall(null, { machine: 'vm', boot: 'first' }), warmed: true, healthyIn: 1, at: 0 },
    'next',
  );
  await at(0, { streamers: 1, players: 1 });
  const sent = at(1, { streamers: 1, players: 1 }); // a look during which they end
  await ran[0].end(true);
  await sent;
  assert.deepEqual(await at(2, UP), ['waiting', '']);
  assert.deepEqual(await at(122, UP), ['nobody-yet', '']);
});

test('a first run of some seconds is as much streaming at a stretch, on a new machine', async () => {
  const { at, memory } = scene({ first_run: 60 });
  assert.equal((await at(0, DOWN))[0], 'starting');
  assert.equal((await at(10, UP))[0], 'first-run');
  assert.equal((await at(20, DOWN))[0], 'starting');
  assert.equal((await at(30, UP))[0], 'first-run');
  assert.equal((await at(89, UP))[0], 'first-run');
  await at(90, UP);
  assert.equal((await at(91, UP))[0], 'ready');
  const next = scene({ first_run: 60 }, { ...memory, at: 91 }, 'next');
  await next.at(0, UP);
  assert.equal((await next.at(1, UP))[0], 'ready');
});

test('a first run that is a command follows the tests, waits for the stream, and may take it away', async () => {
  const { at, ran } = scene({ tests: ['check'], first_run: ['warm', 'up'] });
  await at(0, UP);
  await ran[0].end(true);
  assert.equal((await at(1, DOWN))[0], 'starting');
  assert.equal((await at(2, UP))[0], 'first-run');
  assert.deepEqual(
    ran.map(({ command }) => command),
    [['check'], ['warm', 'up']],
  );
  assert.equal((await at(500, DOWN))[0], 'first-run');
  await ran[1].end(true);
  assert.equal((await at(501, DOWN))[0], 'starting');
  assert.equal((await at(502, UP))[0], 'ready');
});

test('a first run that fails is final in its boot, and runs again in the next', async () => {
  const { at, ran, memory } = scene({ first_run: ['warm'] });
  await at(0, UP);
  await ran[0].end(false);
  assert.deepEqual(await at(1, UP), ['first-run-failed', 'its last line']);
  const next = scene({ first_run: ['warm'] }, { ...memory, at: 1 }, 'next');
  assert.equal((await next.at(0, UP))[0], 'first-run');
});

// --- Real commands

test('exit status 0 is passed, and the last line of either output is what is said', async () => {
  assert.deepEqual(await node('console.log("one"); console.error("two\\n \\n")'), { passed: true, said: 'two' });
  assert.deepEqual(await node('console.log("no GPU"); process.exitCode = 3'), {
    passed: false,
    said: 'exit 3: no GPU',
  });
  assert.deepEqual(await node('process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1e6)'), {
    passed: false,
    said: 'SIGTERM',
  });
});

test('a command that is not there, or no program, is said to be so', async () => {
  assert.deepEqual(await run(['/nowhere/check'], 60), { passed: false, said: 'cannot be started (ENOENT)' });
  assert.deepEqual(await run(['/tmp'], 60), { passed: false, said: 'cannot be started (EACCES)' });
});

test('a command that takes too long is ended with everything that it started', async () => {
  const child = 'setInterval(() => {}, 1e6)';
  const parent = `const { spawn } = require('node:child_process');
    const { pid } = spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' });
    console.log(pid); setInterval(() => {}, 1e6)`;
  let limit = 1,
    said;
  do
    ({ said } = await run([process.execPath, '-e', parent], (limit *= 2))); // as long as this machine takes to start two
  while (!/: \d+$/.test(said));
  const [, pid] = /^not done within \d+ s: (\d+)$/.exec(said);
  await gone(Number(pid));
});

test('what a command leaves running with its output open holds up nothing', async () => {
  const parent = `const { spawn } = require('node:child_process');
    const left = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20_000)'], { stdio: 'inherit', detached: true });
    left.unref(); console.log(left.pid)`;
  const { passed, said } = await node(parent);
  assert.ok(passed);
  process.kill(Number(said), 'SIGKILL'); // it ran on: the operator's business
});

test('of a flood of output the last line is said', async () => {
  assert.deepEqual(
    await node('for (let i = 0; i < 200; i++) console.log("x".repeat(100_000)); console.log("the end")'),
    { passed: true, said: 'the end' },
  );
  const { said } = await node('process.stdout.write("x".repeat(5_000_000))');
  assert.equal([...said].length, 200);
});

test('texts of every alphabet are kept, and signs that nobody sees are spelt out', () => {
  for (const text of [
    'Grüße',
    'тест не пройден',
    '測試失敗',
    'फेल',
    'فشل الاختبار',
    'ทดสอบ',
    '🎮 ❤',
    'q̈',
    'a – “b” … €',
  ])
    assert.equal(printable(text), text);
  assert.equal(
    printable('a\u202eb\u0000c\u001b[31md\ue000e\u2028f\u200bg\ud800'),
    'a\\u{202e}b\\u{0}c\\u{1b}[31md\\u{e000}e\\u{2028}f\\u{200b}g\\u{d800}',
  );
  assert.equal(printable('  a\tb  '), 'a\\u{9}b');
  assert.equal(printable('🎮'.repeat(300)), `${'🎮'.repeat(199)}…`);
});
