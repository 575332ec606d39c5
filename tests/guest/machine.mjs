// What runs on a streaming machine beside the responder, for a test that says when: one word on each line of input.
import { createInterface } from 'node:readline';
import { playerAt, Signalling, streamerAt } from './signalling.mjs';

const signalling = await Signalling.start();
let streamer, player;

const steps = {
  stream: async () => (streamer = await (await streamerAt(signalling)).streams()),
  join: async () => (player = await (await playerAt(signalling)).subscribes(streamer)),
  crash: () => player.vanishes(),
};

console.log(signalling.url);
for await (const word of createInterface({ input: process.stdin })) {
  await steps[word]();
  console.log(`${word}: done`);
}
process.exit();
