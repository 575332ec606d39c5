// The health responder of a streaming machine, which Azure's Application Health extension asks on loopback. It answers
// from the signalling server's REST interface: whether the stream is up, somebody is inside, or nobody is any more.
// usage: node responder.mjs [settings.json]      (Node 18 or later, no packages; README.md explains every answer)
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const WINDOWS = process.platform === 'win32';
const LONGEST_ANSWER = 1_000_000; // characters read of what the signalling server says
const LONGEST_WAIT = 2; // seconds for one answer of the signalling server
const LONGEST_TEXT = 200; // characters of a text for people
const SAME_BOOT = 60; // seconds by which setting the clock may move the time of a boot (Windows)

// Each reason: the state that the extension reads (null is no verdict yet), and what it means.
export const REASONS = {
  starting: [null, 'No streamer has streamed since the machine booted.'],
  testing: [null, 'The functional tests run.'],
  'first-run': [null, 'The application runs for the first time.'],
  ready: ['Healthy', 'The stream is up. Nobody is expected before the machine has been stopped once.'],
  waiting: ['Healthy', 'The stream is up, and nobody is inside yet.'],
  occupied: ['Healthy', 'Somebody is inside.'],
  left: ['Healthy', 'Nobody is inside. Whoever left may come back.'],
  'tests-failed': ['Unhealthy', 'The functional tests failed.'],
  'first-run-failed': ['Unhealthy', 'The first run of the application failed.'],
  'streamer-gone': ['Unhealthy', 'The streamer is gone.'],
  'nobody-yet': ['Unhealthy', 'Nobody has come since the stream is up.'],
  'nobody-any-more': ['Unhealthy', 'Nobody is inside. Whoever left has not come back.'],
};

// --- Settings

const isText = value => typeof value === 'string' && value !== '';
const isWord = value => typeof value === 'string' && !value.includes('\0');
const isCommand = value => Array.isArray(value) && isText(value[0]) && value.every(isWord);
const isSeconds = value => typeof value === 'number' && value > 0 && value <= 14_400;
const isServer = value => {
  try {
    return /^https?:\/\/[^/?#]+\/?$/.test(value) && Boolean(new URL(value));
  } catch {
    return false;
  }
};
const SECONDS = 'a number of seconds, more than 0 and at most 14400';
const COMMAND = 'a list of words, a program and its arguments, as in ["/opt/tests/run", "--all"]';
const FOLDER = path.join(WINDOWS ? process.env.ProgramData ?? 'C:\\ProgramData' : '/var/lib', 'pixel-health');
const STATE = path.join(process.env.STATE_DIRECTORY ?? FOLDER, 'state.json'); // systemd says STATE_DIRECTORY

// Each setting: its default, whether a value will do, and what it must be.
export const SETTINGS = {
  port: [8081, value => Number.isInteger(value) && value >= 0 && value < 65_536, 'a port, as the extension has it'],
  path: ['/health', value => isText(value) && /^\/[^?#\s]*$/.test(value), 'a path that begins with /'],
  signalling: ['http://127.0.0.1:80', isServer, 'the address of the signalling server, as in http://127.0.0.1:80'],
  state: [STATE, isText, 'a file that may be written'],
  tests: [null, value => value === null || isCommand(value), `null, or ${COMMAND}`],
  tests_seconds: [300, isSeconds, SECONDS],
  first_run: [null, value => value === null || isSeconds(value) || isCommand(value), `null, ${SECONDS}, or ${COMMAND}`],
  first_run_seconds: [900, isSeconds, SECONDS],
  connect_seconds: [120, isSeconds, SECONDS],
  grace_seconds: [120, isSeconds, SECONDS],
  gone_seconds: [30, isSeconds, SECONDS],
  poll_seconds: [1, isSeconds, SECONDS],
};

export class WrongSettings extends Error {}

export function settingsFrom(text, file) {
  let said;
  try {
    said = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new WrongSettings(printable(`${file} is not JSON (${error.message}). See settings.example.json.`, 500));
  }
  if (said === null || typeof said !== 'object' || Array.isArray(said))
    throw new WrongSettings(`${file} is no JSON object. See settings.example.json.`);
  const wrong = Object.entries(said).flatMap(([key, value]) => {
    if (!Object.hasOwn(SETTINGS, key)) return `"${key}" is no setting: there are ${Object.keys(SETTINGS).join(', ')}.`;
    const [standard, fits, must] = SETTINGS[key], shown = JSON.stringify(standard);
    return fits(value) ? [] : `"${key}" must be ${must}. Left out, it is ${shown}. It is ${JSON.stringify(value)}.`;
  });
  if (wrong.length) throw new WrongSettings(wrong.map(each => printable(`${file}: ${each}`, 500)).join('\n'));
  return { ...Object.fromEntries(Object.entries(SETTINGS).map(([key, [standard]]) => [key, standard])), ...said };
}

// --- What is remembered over a restart of the responder, and over a boot

// Times are the machine's uptime in seconds: nobody sets that clock, and a restart of the responder does not change it.
const OF_A_MACHINE = { number: 1, warmed: false, healthyIn: null };
const OF_A_BOOT = { passed: false, failed: null, said: '', streamedAt: null, goneAt: null, came: false, leftAt: null };
const KINDS = { ...OF_A_MACHINE, ...OF_A_BOOT, healthyIn: 0, failed: '', streamedAt: 0, goneAt: 0, leftAt: 0, at: 0 };
const MAY_BE_NULL = ['healthyIn', 'failed', 'streamedAt', 'goneAt', 'leftAt'];

export function recall(stored, { machine, boot, now }) {
  const fits = ([key, like]) => (stored[key] === null ? MAY_BE_NULL.includes(key) : typeof stored[key] === typeof like);
  // What another machine remembered came with the image that this machine was made of.
  if (stored?.machine !== machine || !Object.entries(KINDS).every(fits))
    return { machine, boot, ...OF_A_MACHINE, ...OF_A_BOOT };
  const { at, ...memory } = stored;
  const near = typeof boot === 'number' && Math.abs(boot - stored.boot) <= SAME_BOOT && at <= now;
  if (boot === stored.boot || near) return { ...memory, goneAt: null }; // nobody watched the streamer meanwhile
  return { ...memory, boot, number: memory.number + 1, ...OF_A_BOOT };
}

function bootOf() {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return Date.now() / 1000 - os.uptime();
  }
}

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null; // not there yet, or broken off by a loss of power: like a first boot, in which nobody is expected
  }
}

// Without { recursive: true }, by which Node 20 asks for ever for a folder below /proc.
function makeFolder(folder) {
  if (fs.existsSync(folder)) return;
  if (path.dirname(folder) !== folder) makeFolder(path.dirname(folder));
  fs.mkdirSync(folder);
}

function write(file, text) {
  makeFolder(path.dirname(file));
  const opened = fs.openSync(`${file}.new`, 'w', 0o600);
  try {
    fs.writeFileSync(opened, text);
    fs.fsyncSync(opened);
  } finally {
    fs.closeSync(opened);
  }
  fs.renameSync(`${file}.new`, file);
}

// --- The signalling server, and the operator's commands

export function printable(text, most = LONGEST_TEXT) {
  const escaped = text.trim().replace(/[\p{C}\p{Zl}\p{Zp}]/gu, sign => `\\u{${sign.codePointAt(0).toString(16)}}`);
  const signs = [...escaped];
  return signs.length <= most ? escaped : `${signs.slice(0, most - 1).join('')}…`;
}

// An SFU is a streamer to players and a player to the streamer. It counts as neither; the players behind it count.
export function count(streamers) {
  if (!Array.isArray(streamers) || !streamers.every(streamer => Array.isArray(streamer?.subscribers)))
    return { trouble: 'The signalling server says something else than streamers with subscribers.' };
  const isNoSfu = peer => peer?.type !== 'SFU';
  return {
    streamers: streamers.filter(streamer => isNoSfu(streamer) && streamer.streaming === true).length,
    players: streamers.flatMap(streamer => streamer.subscribers).filter(isNoSfu).length,
  };
}

export function look(server, seconds = LONGEST_WAIT) {
  const url = new URL('/api/streamers', server), client = url.protocol === 'https:' ? https : http;
  const options = { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(seconds * 1000) };
  return new Promise(resolve => {
    const trouble = what => resolve({ trouble: `The signalling server ${what}.` });
    const asked = client.get(url, options, answer => {
      let text = '';
      if (answer.statusCode !== 200) asked.destroy(trouble(`says ${answer.statusCode} (no --rest_api?)`));
      answer.setEncoding('utf8').on('error', () => {}).on('data', part => {
        text += part;
        if (text.length > LONGEST_ANSWER) asked.destroy(trouble('says too much'));
      });
      answer.on('close', () => {
        if (!answer.complete) return trouble('did not answer to the end');
        try {
          resolve(count(JSON.parse(text)));
        } catch {
          trouble('says no JSON');
        }
      });
    });
    asked.on('error', error => trouble(`does not answer (${error.code ?? error.name})`));
    asked.on('upgrade', () => asked.destroy(trouble('wants another protocol')));
  });
}

let stopRunning = () => {};

export function run([program, ...words], seconds) {
  return new Promise(resolve => {
    let output = '';
    const end = (passed, why) => {
      clearTimeout(timer);
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      const line = output.split(/[\r\n]+/).findLast(each => each.trim());
      resolve({ passed, said: printable([why, line].filter(Boolean).join(': ')) });
    };
    const stop = () => {
      if (WINDOWS) spawn('taskkill', ['/pid', `${child.pid}`, '/t', '/f']).on('error', () => {});
      else try { process.kill(-child.pid, 'SIGKILL'); } catch { /* nothing of it is left, or it is somebody else's */ }
    };
    const timer = setTimeout(() => (stop(), end(false, `not done within ${seconds} s`)), seconds * 1000);
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: !WINDOWS, windowsHide: true });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('error', () => {}).on('data', part => (output = (output + part).slice(-4096)));
    child.on('error', error => end(false, `cannot be started (${error.code})`));
    child.on('spawn', () => (stopRunning = stop));
    child.on('exit', (code, signal) => {
      stopRunning = () => {};
      clearTimeout(timer);
      // What it left running may keep the output open: a moment for the last line, and no longer.
      setTimeout(end, 100, code === 0, code === 0 ? '' : signal ?? `exit ${code}`);
    });
  });
}

// --- The responder

export class Responder {
  #seen = {}; // by the latest look
  #busy = false; // while a command of the operator's runs
  #streamsSince = null; // before the first run is over

  constructor({ settings, memory, now, look, run }) {
    Object.assign(this, { settings, memory, now, look, run });
  }

  async poll() {
    const prepared = this.#prepared(); // before the look: a player that the tests brought along is no visitor
    this.#seen = await this.look();
    if (prepared) this.#watch(this.now());
    else this.#prepare(this.now());
  }

  // The reason of the moment, and what else there is to say.
  verdict(now = this.now()) {
    const { settings, memory } = this, { failed, streamedAt, goneAt, came, leftAt, healthyIn } = memory;
    if (failed) return [`${failed === 'first-run' ? failed : 'tests'}-failed`, memory.said];
    if (!memory.passed && settings.tests) return ['testing', ''];
    if (!this.#prepared() && this.#streamsSince !== null) return ['first-run', ''];
    if (streamedAt === null) return ['starting', this.#seen.trouble ?? ''];
    if (goneAt !== null && now - goneAt >= settings.gone_seconds) return ['streamer-gone', this.#seen.trouble ?? ''];
    if (came && leftAt === null) return ['occupied', ''];
    if (came) return [now - leftAt >= settings.grace_seconds ? 'nobody-any-more' : 'left', ''];
    if (healthyIn === null || healthyIn === memory.number) return ['ready', ''];
    return [now - streamedAt >= settings.connect_seconds ? 'nobody-yet' : 'waiting', ''];
  }

  // The body of an answer. One without ApplicationHealthState is no verdict: the extension stays Initializing.
  answer() {
    const [reason, more] = this.verdict(), [state, means] = REASONS[reason];
    const { players = 0, streamers = 0 } = this.#seen;
    if (state === 'Healthy') this.memory.healthyIn ??= this.memory.number;
    const told = { reason, text: printable(`${means} ${more}`), players, streamers, boot: this.memory.number };
    return JSON.stringify({ ...(state && { ApplicationHealthState: state }), customMetrics: JSON.stringify(told) });
  }

  #prepared() {
    return this.memory.passed && this.memory.warmed;
  }

  // One step towards the first verdict of a boot: the tests, and on a new machine the first run.
  #prepare(now) {
    const { tests, tests_seconds, first_run, first_run_seconds } = this.settings, { memory } = this;
    if (this.#busy || memory.failed) return;
    if (!memory.passed && tests) return void this.#try(tests, tests_seconds, 'passed', 'tests');
    memory.passed = true;
    if (first_run === null) memory.warmed = true;
    if (memory.warmed) return;
    this.#streamsSince = this.#seen.streamers ? this.#streamsSince ?? now : null;
    if (this.#streamsSince === null) return;
    if (Array.isArray(first_run)) return void this.#try(first_run, first_run_seconds, 'warmed', 'first-run');
    memory.warmed = now - this.#streamsSince >= first_run;
  }

  async #try(command, seconds, success, what) {
    this.#busy = true;
    const { passed, said } = await this.run(command, seconds);
    this.#busy = false;
    Object.assign(this.memory, passed ? { [success]: true } : { failed: what, said });
  }

  #watch(now) {
    const { memory, settings } = this, { trouble, streamers, players } = this.#seen;
    if (streamers) {
      const again = memory.goneAt !== null && now - memory.goneAt >= settings.gone_seconds;
      if (memory.streamedAt === null || again) memory.streamedAt = now;
      memory.goneAt = null;
    } else if (memory.streamedAt !== null) memory.goneAt ??= now;
    if (trouble || memory.streamedAt === null) return; // silence does not say that nobody is inside
    if (players) Object.assign(memory, { came: true, leftAt: null });
    else if (memory.came) memory.leftAt ??= now;
  }
}

// --- The service

async function serve(responder, { port, path: wanted }, settle) {
  const answer = (request, response) => {
    const found = request.method === 'GET' && request.url.split('?')[0] === wanted;
    const body = found ? responder.answer() : '{}';
    settle(); // the first Healthy is remembered before anybody can act on it
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
    response.end(body);
  };
  const listen = (host, on) => new Promise((resolve, reject) => {
    const server = http.createServer({ headersTimeout: 5000, requestTimeout: 5000 }, answer);
    server.on('error', reject).listen(on, host, () => resolve(server.address().port));
  });
  const bound = await listen('127.0.0.1', port);
  await listen('::1', bound).catch(error => {
    if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(error.code)) throw error; // others: a machine without IPv6
  });
  return bound;
}

// What `attempt` returns; an error of the system becomes one that names the remedy.
const orSay = async (attempt, remedy) => {
  try {
    return await attempt();
  } catch (error) {
    throw new WrongSettings(`${remedy} (${error.code ?? error.message})`);
  }
};

async function main(file) {
  const say = text => console.log(`${new Date().toISOString()} ${printable(text, 500)}`);
  const named = 'Name a settings file that can be read: node responder.mjs FILE.';
  const settings = settingsFrom(file ? await orSay(() => fs.readFileSync(file, 'utf8'), named) : '{}', file);
  const now = os.uptime, memory = recall(read(settings.state), { machine: os.hostname(), boot: bootOf(), now: now() });
  const responder = new Responder({ settings, memory, now, run, look: () => look(settings.signalling) });
  let written = '', told = '', trouble = '';
  const remember = () => {
    const text = JSON.stringify(memory);
    if (text !== written) write(settings.state, JSON.stringify({ ...memory, at: now() }));
    written = text;
  };
  const settle = () => {
    try {
      remember();
      trouble = '';
    } catch (error) {
      if (trouble !== error.message) say(`The state cannot be written, and is tried again: ${error.message}`);
      trouble = error.message;
    }
    const [reason, more] = responder.verdict();
    if (told !== reason) say(`${reason}: ${REASONS[reason][1]} ${more}`);
    told = reason;
  };
  await orSay(remember, `"state": ${settings.state} cannot be written. Let its folder be writable, or name another.`);
  await responder.poll(); // nothing is answered before the first look
  const inUse = `"port": ${settings.port} cannot be listened on. End what listens there, or change both ends.`;
  const port = await orSay(() => serve(responder, settings, settle), inUse);
  say(`The responder answers http://localhost:${port}${settings.path}, in boot ${memory.number} of this machine.`);
  for (;; await responder.poll()) {
    settle();
    await new Promise(resolve => setTimeout(resolve, settings.poll_seconds * 1000));
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // nobody reads: no reason to end
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
  process.on('exit', () => stopRunning());
  main(process.argv[2]).catch(error => {
    console.error(error instanceof WrongSettings ? error.message : error);
    process.exit(error instanceof WrongSettings ? 2 : 1);
  });
}
