// A stand-in for Epic's signalling server: its two websocket ports and its REST interface, over Epic's own library.
// What it does with each message was seen at the real one (2.4.0); it carries no video, so nothing else is needed.
import http from 'node:http';
import { createRequire } from 'node:module';

const installed = createRequire(new URL('../../.guest/', import.meta.url)); // by `make guest`
const epic = installed('@epicgames-ps/lib-pixelstreamingcommon-ue5.6');
const { WebSocketServer } = installed('ws');
export const { Messages } = epic;
epic.Logger.InitLogging(epic.LogLevel.Error, false);

const LOOPBACK = '127.0.0.1';
const CONFIG = { protocolVersion: epic.SignallingProtocol.SIGNALLING_VERSION, peerConnectionOptions: {} };

// One end of a websocket that speaks the protocol.
class End {
  constructor(socket) {
    this.transport = new epic.WebSocketTransportNJS(socket);
    this.protocol = new epic.SignallingProtocol(this.transport);
    this.transport.on('error', () => {});
  }

  on(message, then) {
    this.protocol.on(message.typeName, then);
  }

  say(message, fields) {
    if (this.protocol.isConnected()) this.protocol.sendMessage(epic.MessageHelpers.createMessage(message, fields));
  }
}

export class Signalling {
  #streamers = [];
  #players = [];
  #numbers = 0;

  static async start(port = 0) {
    const server = new Signalling();
    await new Promise(done => server.web.listen(port, LOOPBACK, done));
    server.port = server.web.address().port; // still known when it has ended
    await new Promise(done => (server.streamerSockets = new WebSocketServer({ host: LOOPBACK, port: 0 }, done)));
    server.streamerSockets.on('connection', socket => server.#streamer(new End(socket)));
    server.playerSockets = new WebSocketServer({ server: server.web });
    server.playerSockets.on('connection', socket => server.#player(new End(socket)));
    return server;
  }

  web = http.createServer((request, response) => {
    const asked = { '/api/streamers': () => this.#streamers.map(each => this.#shown(each)) }[request.url];
    response.writeHead(asked ? 200 : 404, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(asked?.() ?? {}));
  });

  get url() {
    return `http://${LOOPBACK}:${this.port}`;
  }
  get streamerUrl() {
    return `ws://${LOOPBACK}:${this.streamerSockets.address().port}`;
  }
  get playerUrl() {
    return `ws://${LOOPBACK}:${this.port}`;
  }

  async end() {
    for (const sockets of [this.streamerSockets, this.playerSockets]) {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    }
    const closed = new Promise(done => this.web.close(done));
    this.web.closeAllConnections();
    await closed;
  }

  #shown(streamer) {
    const subscribers = this.#players.filter(player => player.of === streamer);
    return {
      streamerId: streamer.id,
      type: streamer.type ?? 'Streamer',
      streaming: streamer.streaming,
      remoteAddress: '::ffff:127.0.0.1',
      subscribers: subscribers.map(({ id }) => ({ playerId: id, type: 'Player', subscribedTo: streamer.id })),
    };
  }

  #streamer(end) {
    const streamer = { end, id: 'UnknownStreamer', streaming: false };
    this.#streamers.push(streamer);
    end.on(Messages.endpointId, ({ id }) => {
      Object.assign(streamer, { id, streaming: true });
      end.say(Messages.endpointIdConfirm, { committedId: id });
    });
    end.transport.on('close', () => {
      this.#streamers = this.#streamers.filter(each => each !== streamer);
      for (const player of this.#players.filter(each => each.of === streamer)) player.end.protocol.disconnect();
    });
    end.say(Messages.identify);
    end.say(Messages.config, CONFIG);
  }

  #player(end) {
    const player = { end, id: `Player${this.#numbers++}`, of: null };
    this.#players.push(player);
    const leave = () => {
      player.of?.end.say(Messages.playerDisconnected, { playerId: player.id });
      player.of = null;
    };
    end.on(Messages.subscribe, ({ streamerId }) => {
      player.of = this.#streamers.find(streamer => streamer.id === streamerId) ?? null;
      if (player.of)
        player.of.end.say(Messages.playerConnected, { playerId: player.id, dataChannel: true, sfu: false });
      else end.say(Messages.subscribeFailed, { message: `Streamer ${streamerId} does not exist.` });
    });
    end.on(Messages.unsubscribe, leave);
    end.transport.on('close', () => {
      this.#players = this.#players.filter(each => each !== player);
      leave();
    });
    end.say(Messages.config, CONFIG);
  }
}

// A streamer or a player: what it was told and has not heard yet is kept.
class Peer extends End {
  #told = [];
  #waits = [];

  constructor(url) {
    super();
    this.closed = new Promise(done => this.transport.on('close', done));
    this.transport.on('message', message => {
      const waiting = this.#waits.findIndex(({ type }) => type === message.type);
      if (waiting >= 0) this.#waits.splice(waiting, 1)[0].done(message);
      else this.#told.push(message);
    });
    this.protocol.connect(url);
  }

  hears({ typeName: type }) {
    const told = this.#told.findIndex(message => message.type === type);
    return told >= 0 ? this.#told.splice(told, 1)[0] : new Promise(done => this.#waits.push({ type, done }));
  }

  crash() {
    this.transport.webSocket.terminate();
    return this.closed;
  }
}

export async function streamerAt(server, id = 'slot-1') {
  const streamer = new Peer(server.streamerUrl);
  await streamer.hears(Messages.identify);
  streamer.streams = async () => {
    streamer.say(Messages.endpointId, { id });
    await streamer.hears(Messages.endpointIdConfirm);
    return streamer;
  };
  return streamer;
}

export async function playerAt(server) {
  const player = new Peer(server.playerUrl);
  await player.hears(Messages.config);
  player.subscribes = async streamer => {
    player.say(Messages.subscribe, { streamerId: 'slot-1' });
    await streamer.hears(Messages.playerConnected);
    player.leaves = async () => {
      player.protocol.disconnect();
      await streamer.hears(Messages.playerDisconnected);
    };
    player.vanishes = async () => {
      await player.crash();
      await streamer.hears(Messages.playerDisconnected);
    };
    return player;
  };
  return player;
}
