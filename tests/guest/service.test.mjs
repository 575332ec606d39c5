// The responder as a process of its own: what it answers over HTTP, what it remembers on disk, how it begins and ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test, { after } from 'node:test';
import { gone, until } from './processes.mjs';
import { playerAt, Signalling, streamerAt } from './signalling.mjs';

const RESPONDER = new URL('../../guest/responder.mjs', import.meta.url).pathname;
const NEVER = 14_400; // seconds: what a test does not wait for
const FOLDERS = fs.mkdtempSync(path.join(os.tmpdir(), 'responder-'));
const folderOf = name => fs.mkdtempSync(path.join(FOLDERS, name));
const QUICK = { port: 0, poll_seconds: 0.02, connect_seconds: NEVER, grace_seconds: NEVER, gone_seconds: NEVER };

after(() => fs.rmSync(FOLDERS, { recursive: true, force: true }));

class Service {
  constructor(t, settings, folder = folderOf('one')) {
    const file = path.join(folder, 'settings.json');
    this.state = path.join(folder, 'deep', 'state.json');
    fs.writeFileSync(
      file,
      typeof settings === 'string' ? settings : JSON.stringify({ ...QUICK, state: this.state, ...settings }),
    );
    this.process = spawn(process.execPath, [RESPONDER, file], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.lines = createInterface({ input: this.process.stdout });
    this.error = '';
    this.process.stderr.on('data', part => (this.error += part));
    this.ended = once(this.process, 'close').then(([code, signal]) => code ?? signal);
    t.after(() => {
      this.process.kill('SIGKILL');
      return this.ended;
    });
  }

  // Once it answers.
  async up() {
    const said = new Promise(resolve =>
      this.lines.on('line', line => {
        const [, port] = /answers http:\/\/localhost:(\d+)\/health/.exec(line) ?? [];
        if (port) resolve(Number(port));
      }),
    );
    this.port = await Promise.race([
      said,
      this.ended.then(() => {
        throw new Error(this.error);
      }),
    ]);
    return this;
  }

  ask(url = '/health', options = {}) {
    return new Promise((resolve, reject) => {
      http
        .request({ host: '127.0.0.1', port: this.port, path: url, agent: false, ...options }, async answer => {
          let text = '';
          for await (const part of answer) text += part;
          resolve({ status: answer.statusCode, text });
        })
        .on('error', reject)
        .end();
    });
  }

  async told() {
    const { ApplicationHealthState: state, customMetrics } = JSON.parse((await this.ask()).text);
    return { state, ...JSON.parse(customMetrics) };
  }

  // The answer, once it is for this reason.
  async says(reason) {
    for (;;) {
      const told = await this.told();
      if (told.reason === reason) return told;
      await new Promise(done => setTimeout(done, 20));
    }
  }
}

const signalling = async t => {
  const server = await Signalling.start();
  t.after(() => server.end());
  return server;
};
const started = async (t, settings, folder) => new Service(t, settings, folder).up();

test('from the first boot to the visitor who closed the tab', async t => {
  const folder = folderOf('story');
  const server = await signalling(t),
    settings = { signalling: server.url, tests: [process.execPath, '-e', ''] };
  const first = await started(t, settings, folder);
  assert.equal((await first.says('starting')).state, undefined);
  const streamer = await (await streamerAt(server)).streams();
  assert.deepEqual(await first.says('ready'), {
    state: 'Healthy',
    reason: 'ready',
    players: 0,
    streamers: 1,
    boot: 1,
    text: 'The stream is up. Nobody is expected before the machine has been stopped once.',
  });
  first.process.kill('SIGKILL');
  await first.ended;
  const stored = JSON.parse(fs.readFileSync(first.state, 'utf8'));
  fs.writeFileSync(first.state, JSON.stringify({ ...stored, boot: 'one before' })); // and so this boot is another
  const second = await started(t, { ...settings, grace_seconds: 0.05 }, folder);
  assert.equal((await second.says('waiting')).boot, 2);
  const visitor = await (await playerAt(server)).subscribes(streamer);
  assert.deepEqual(await second.says('occupied'), {
    state: 'Healthy',
    reason: 'occupied',
    text: 'Somebody is inside.',
    players: 1,
    streamers: 1,
    boot: 2,
  });
  await visitor.vanishes();
  assert.equal((await second.says('nobody-any-more')).state, 'Unhealthy');
  second.process.kill('SIGKILL');
  await second.ended;
  const third = await started(t, { ...settings, grace_seconds: 0.05 }, folder);
  assert.deepEqual(await third.told(), {
    state: 'Unhealthy',
    reason: 'nobody-any-more',
    players: 0,
    streamers: 1,
    boot: 2,
    text: 'Nobody is inside. Whoever left has not come back.',
  });
});

test('it answers on both loopback addresses and nowhere else, and nothing but GET of its path', async t => {
  const server = await signalling(t),
    service = await started(t, { signalling: server.url });
  const outside = Object.values(os.networkInterfaces())
    .flat()
    .filter(each => !each.internal && each.family === 'IPv4');
  for (const { address } of outside) await assert.rejects(service.ask('/health', { host: address }), /ECONNREFUSED/);
  if (
    Object.values(os.networkInterfaces())
      .flat()
      .some(each => each.address === '::1')
  )
    assert.equal((await service.ask('/health', { host: '::1' })).status, 200);
  assert.equal((await service.ask('/health?from=somewhere')).status, 200);
  for (const url of [
    '/',
    '/health/',
    '/Health',
    '/api/streamers',
    '//health',
    '/../health',
    'http://elsewhere/health',
    '*',
  ])
    assert.deepEqual(await service.ask(url), { status: 404, text: '{}' }, url);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    assert.deepEqual(await service.ask('/health', { method }), { status: 404, text: '{}' }, method);
});

test('it answers at once while the signalling server hangs, and by what it saw before', async t => {
  let hung;
  const hangs = new Promise(done => (hung = done)),
    held = [];
  const answers = ['[{"streaming":true,"subscribers":[]}]', '[{"streaming":true,"subscribers":[]}]'];
  const server = http.createServer((request, response) => {
    if (answers.length) return response.end(answers.pop());
    held.push(response);
    hung();
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  t.after(() => (server.closeAllConnections(), server.close()));
  const service = await started(t, { signalling: `http://127.0.0.1:${server.address().port}` });
  await hangs;
  assert.equal((await service.told()).reason, 'ready');
  await Promise.all(Array.from({ length: 50 }, () => service.told()));
});

test('what floods it or breaks off does not end it', async t => {
  const server = await signalling(t),
    service = await started(t, { signalling: server.url });
  for (const bytes of [
    'GET /health HTTP/1.1\r\nx: '.padEnd(5_000_000, 'x'),
    `POST /health HTTP/1.1\r\ncontent-length: 5000000\r\n\r\n${'x'.repeat(5_000_000)}`,
    '\u0000\u0001',
    'GET',
  ]) {
    const socket = net.connect(service.port, '127.0.0.1').on('error', () => {});
    socket.end(bytes);
    socket.resume();
    await new Promise(done => socket.on('close', done));
  }
  const idle = Array.from({ length: 200 }, () => net.connect(service.port, '127.0.0.1').on('error', () => {}));
  assert.equal((await service.ask()).status, 200);
  for (const socket of idle) socket.destroy();
});

test('an end ends the tests with it, and they run again', async t => {
  const server = await signalling(t),
    mark = path.join(folderOf('mark'), 'pids');
  const tests = [
    process.execPath,
    '-e',
    `require('fs').appendFileSync(${JSON.stringify(mark)}, process.pid + '\\n'); setInterval(() => {}, 1e6)`,
  ];
  const pids = () =>
    fs.existsSync(mark) ? fs.readFileSync(mark, 'utf8').trim().split('\n').filter(Boolean).map(Number) : [];
  const service = await started(t, { signalling: server.url, tests });
  assert.equal((await service.says('testing')).state, undefined);
  await until(() => pids().length === 1);
  service.process.kill('SIGTERM');
  assert.equal(await service.ended, 0);
  await gone(pids()[0]);
  const again = await started(t, { signalling: server.url, tests }, path.dirname(path.dirname(service.state)));
  await until(() => pids().length === 2);
  assert.equal((await again.told()).reason, 'testing');
  again.process.kill('SIGINT');
  assert.equal(await again.ended, 0);
});

test('what failed tests say last comes out in every alphabet, and without signs that nobody sees', async t => {
  const server = await signalling(t);
  const said = 'GPU 0 が見つかりません \u202e\u001b[31m"quoted" \\ <b>';
  const tests = [
    process.execPath,
    '-e',
    `console.log('fine'); console.log(${JSON.stringify(said)}); process.exitCode = 1`,
  ];
  const { state, text } = await (await started(t, { signalling: server.url, tests })).says('tests-failed');
  assert.equal(state, 'Unhealthy');
  assert.equal(text, 'The functional tests failed. exit 1: GPU 0 が見つかりません \\u{202e}\\u{1b}[31m"quoted" \\ <b>');
});

for (const [what, settings, message] of [
  [
    'settings that are wrong',
    { grace_seconds: '2 min' },
    /settings\.json: "grace_seconds" must be a number of seconds, .*Left out, it is 120\. It is "2 min"\.\n$/,
  ],
  ['settings that are no JSON', '{"port": }', /settings\.json is not JSON \(.*\)\. See settings\.example\.json\.\n$/],
  [
    'a state that cannot be written',
    { state: '/dev/null/state.json' },
    /^"state": \/dev\/null\/state\.json cannot be written\. Let its folder be writable, or name another\. \(E\w+\)\n$/,
  ],
  [
    'a state in a folder that nobody can make',
    { state: '/proc/none/state.json' },
    /^"state": \/proc\/none\/state\.json cannot be written\. Let its folder be writable, or name another\. \(E\w+\)\n$/,
  ],
])
  test(`${what} end it with status 2 and the remedy`, async t => {
    const service = new Service(t, settings);
    assert.equal(await service.ended, 2);
    assert.match(service.error, message);
  });

test('a settings file that is not there ends it with status 2 and the remedy', async () => {
  const responder = spawn(process.execPath, [RESPONDER, '/nowhere.json'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [[said], [code]] = await Promise.all([once(responder.stderr, 'data'), once(responder, 'close')]);
  assert.deepEqual(
    [code, `${said}`],
    [2, 'Name a settings file that can be read: node responder.mjs FILE. (ENOENT)\n'],
  );
});

test('a port that is in use ends it with status 2 and the remedy', async t => {
  const server = await signalling(t),
    service = new Service(t, { signalling: server.url, port: server.port });
  assert.equal(await service.ended, 2);
  assert.match(
    service.error,
    /^"port": \d+ cannot be listened on\. End what listens there, or change both ends\. \(EADDRINUSE\)\n$/,
  );
});

test("a state that is no JSON, or another machine's, is a first boot", async t => {
  const server = await signalling(t);
  await (await streamerAt(server)).streams();
  for (const text of ['', '{"machine":', 'null', '\u0000'.repeat(300), '{"machine":"image","boot":"x","number":7}']) {
    const folder = folderOf('broken');
    fs.mkdirSync(path.join(folder, 'deep'));
    fs.writeFileSync(path.join(folder, 'deep', 'state.json'), text);
    const service = await started(t, { signalling: server.url }, folder);
    assert.equal((await service.says('ready')).boot, 1, text);
    service.process.kill();
  }
});

test('nobody who reads its output is no reason to end', async t => {
  const server = await signalling(t),
    service = await started(t, { signalling: server.url });
  service.lines.close();
  service.process.stdout.destroy();
  await (await streamerAt(server)).streams();
  await service.says('ready');
});
