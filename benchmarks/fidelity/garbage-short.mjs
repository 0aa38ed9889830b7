// Garbage that dies young: objects, arrays and closures that nobody keeps.
import { measure } from './measure.mjs';

let sink = 0;

function work() {
  for (let index = 0; index < 40_000; index++) {
    const item = { id: index, name: `item ${index}`, tags: [index, index + 1, index + 2] };
    const add = (value) => value + item.id;
    sink = (sink + item.tags.map(add).length + item.name.length) % 1_000_003;
  }
  return sink;
}

export const handler = measure(work);
