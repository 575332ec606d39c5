// A signalling server that lies, hangs, floods or breaks off: each look ends, is trouble, and leaves the verdict alone.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { look, recall, Responder, settingsFrom } from '../../guest/responder.mjs';

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const LONG = 60; // seconds: such a look ends by what it was told
const ONE_UP = '[{"type":"Streamer","streaming":true,"subscribers":[]}]';
const body = text => `${OK}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

// The address of a server that does this to each connection once it has been asked.
async function serverThat(t, does) {
  const sockets = new Set();
  const server = net.createServer(socket => {
    sockets.add(socket.on('error', () => {}));
    socket.once('data', () => does(socket));
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

const says = text => socket => socket.end(text);
const floods = (head, part) => socket => {
  const on = () => {
    while (socket.writable && socket.write(part));
  };
  socket.write(head);
  socket.on('drain', on);
  on();
};

for (const [what, does, trouble] of [
  ['5 MB that are no JSON', says(body('x'.repeat(5_000_000))), 'says too much'],
  [
    '5 MB of well-formed streamers',
    says(body(`[${`${ONE_UP.slice(1, -1)},`.repeat(90_000)}${ONE_UP.slice(1)}`)),
    'says too much',
  ],
  [
    'a body without an end',
    floods(`${OK}transfer-encoding: chunked\r\n\r\n`, `10000\r\n${'x'.repeat(65_536)}\r\n`),
    'says too much',
  ],
  ['a header without an end', floods(OK, `x-a: ${'x'.repeat(10_000)}\r\n`), 'does not answer (HPE_HEADER_OVERFLOW)'],
  ['bad JSON', says(body('[{"streaming":')), 'says no JSON'],
  ['nothing', says(body('')), 'says no JSON'],
  ['a page', says(body('<html>')), 'says no JSON'],
  ['another protocol', says('SSH-2.0-OpenSSH_9.2\r\n'), 'does not answer (HPE_INVALID_CONSTANT)'],
  [
    'a switch of protocols',
    says('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    'wants another protocol',
  ],
  ['less than it announced', says(`${OK}content-length: 1000\r\n\r\n${ONE_UP}`), 'did not answer to the end'],
  [
    'an end in the middle of a chunk',
    says(`${OK}transfer-encoding: chunked\r\n\r\n1000\r\n${ONE_UP}`),
    'did not answer to the end',
  ],
  ['a closed connection', socket => socket.destroy(), 'does not answer (ECONNRESET)'],
  ['status 404', says('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'), 'says 404 (no --rest_api?)'],
  [
    'status 500 with streamers',
    says(`HTTP/1.1 500 Oh\r\ncontent-length: ${ONE_UP.length}\r\n\r\n${ONE_UP}`),
    'says 500 (no --rest_api?)',
  ],
  ['status 204', says('HTTP/1.1 204 No Content\r\n\r\n'), 'says 204 (no --rest_api?)'],
  ['something else in JSON', says(body('{"streaming":true}')), 'says something else than streamers with subscribers'],
])
  test(`${what} is trouble`, async t => {
    assert.deepEqual(await look(await serverThat(t, does), LONG), { trouble: `The signalling server ${trouble}.` });
  });

for (const [what, does] of [
  ['says nothing', () => {}],
  ['stops in the middle', socket => socket.write(`${OK}content-length: 1000\r\n\r\n[`)],
  [
    'drips',
    socket => {
      socket.write(`${OK}content-length: 100000\r\n\r\n`);
      const drip = setInterval(() => socket.write(' '), 5);
      socket.on('close', () => clearInterval(drip));
    },
  ],
])
  test(`a server that ${what} is given up`, async t => {
    const { trouble } = await look(await serverThat(t, does), 0.1);
    assert.match(
      trouble,
      /^The signalling server (does not answer \((ABORT_ERR|ECONNRESET)\)|did not answer to the end)\.$/,
    );
  });

test('a redirect is not followed', async t => {
  let followed = false;
  const elsewhere = await serverThat(t, socket => {
    followed = true;
    socket.end(body(ONE_UP));
  });
  const here = await serverThat(
    t,
    says(`HTTP/1.1 302 Found\r\nlocation: ${elsewhere}/api/streamers\r\ncontent-length: 0\r\n\r\n`),
  );
  assert.deepEqual(await look(here, LONG), { trouble: 'The signalling server says 302 (no --rest_api?).' });
  assert.equal(followed, false);
});

test('a port on which nobody listens is trouble', async () => {
  assert.deepEqual(await look('http://127.0.0.1:1', LONG), {
    trouble: 'The signalling server does not answer (ECONNREFUSED).',
  });
});

test('texts of every alphabet in an answer reach nobody, and a million subscribers are a number', async t => {
  const hostile = '\\u202e<script>alert(1)</script>測試\\u0000';
  const subscribers = `[{"playerId":"${hostile}"}]`;
  const told = `[{"streamerId":"${hostile}","type":"${hostile}","streaming":true,"subscribers":${subscribers}}]`;
  assert.deepEqual(await look(await serverThat(t, says(body(told))), LONG), { streamers: 1, players: 1 });
  const many = `[{"streaming":true,"subscribers":[${'{},'.repeat(300_000)}{}]}]`;
  assert.deepEqual(await look(await serverThat(t, says(body(many))), LONG), { streamers: 1, players: 300_001 });
});

test('trouble in between takes nobody out, and a verdict is the same by it for half a minute', async t => {
  let now = 0,
    does = says(body('[{"streaming":true,"subscribers":[{}]}]'));
  const url = await serverThat(t, socket => does(socket));
  const memory = { ...recall(null, { machine: 'vm', boot: 'first' }), number: 2, healthyIn: 1 };
  const responder = new Responder({
    settings: settingsFrom('{}'),
    memory,
    now: () => now,
    look: () => look(url, LONG),
  });
  const at = async second => {
    now = second;
    await responder.poll();
    return responder.verdict()[0];
  };
  await at(0);
  assert.equal(await at(1), 'occupied');
  does = says(body('x'.repeat(5_000_000)));
  assert.equal(await at(2), 'occupied');
  assert.equal(await at(31), 'occupied');
  assert.equal(await at(32), 'streamer-gone');
  does = says(body(ONE_UP));
  assert.equal(await at(33), 'left');
  assert.equal(await at(153), 'nobody-any-more');
});

// --- Settings

test('settings are read with their defaults, also behind the byte order mark of PowerShell', () => {
  assert.deepEqual(settingsFrom('\ufeff{"port": 9000}'), { ...settingsFrom('{}'), port: 9000 });
});

test('every wrong setting is named with its remedy, and all at once', () => {
  const wrong = {
    port: [-1, 65_536, '8081', 1.5, null],
    path: ['', 'health', '/a b', '/a?b', 3],
    state: ['', 7, null],
    signalling: [
      '127.0.0.1',
      'ftp://a',
      'http://',
      'http://a/b',
      'http://a?b',
      80,
      null,
      'http://a b',
      'http://256.256.256.256',
    ],
    tests: ['check', [], [''], [3], ['a', null], ['a\0b'], {}],
    first_run: ['60', 0, -1, 14_401, true, []],
    tests_seconds: [0, '5', null, 1e9],
    first_run_seconds: [0],
    connect_seconds: ['2 min'],
    grace_seconds: [-1],
    gone_seconds: [[30]],
    poll_seconds: [false],
    players: [1],
    ['__proto__']: [1],
    constructor: [1],
    'a\u202e\u001bb': [1],
  };
  for (const [key, values] of Object.entries(wrong))
    for (const value of values)
      assert.throws(
        () => settingsFrom(`{${JSON.stringify(key)}: ${JSON.stringify(value)}}`, 'file'),
        ({ message }) => {
          assert.match(message, /^file: "/);
          assert.ok(
            / must be .* Left out, it is /.test(message) || / is no setting: there are port, path, /.test(message),
            message,
          );
          assert.doesNotMatch(message, /\p{C}/u);
          return true;
        },
      );
  assert.throws(
    () => settingsFrom('{"port": "x", "grace": 3}', 'file'),
    /"port" must be[^\n]*\n[^\n]*"grace" is no setting/,
  );
  for (const text of ['', 'port: 8081', '[]', 'null', '7', '{"port":8081,}', '{"port":8081}\u0000'])
    assert.throws(() => settingsFrom(text, 'file'), /^WrongSettings|^Error: file is no/);
});
