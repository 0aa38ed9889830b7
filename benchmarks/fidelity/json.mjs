// JSON, both ways, of about 300 KB.
import { measure } from './measure.mjs';

const text = JSON.stringify({
  items: Array.from({ length: 2000 }, (_, index) => ({
    id: index,
    name: `item ${index}`,
    price: index / 7,
    tags: ['new', 'sale', `group ${index % 10}`],
    size: { width: index, height: index * 2, unit: 'mm' },
  })),
});

function work() {
  return JSON.stringify(JSON.parse(text)).length;
}

export const handler = measure(work);
