// Optimised code on objects: methods found through classes, and properties of objects of many shapes.
import { measure } from './measure.mjs';

class Shape {
  constructor(size) {
    this.size = size;
  }

  weight() {
    return this.size + 1;
  }
}
class Square extends Shape {
  area() {
    return this.size * this.size;
  }
}
class Circle extends Shape {
  area() {
    return this.size * this.size * 3;
  }
}
class Line extends Shape {
  area() {
    return 0;
  }
}

const KINDS = [Square, Circle, Line];
const shapes = Array.from({ length: 3000 }, (_, index) => new KINDS[index % 3](index % 50));
// Sixteen layouts: more than an inline cache keeps apart.
const records = Array.from({ length: 3200 }, (_, index) => ({ [`extra${index % 16}`]: index, id: index, weight: 1 }));

function work() {
  let sum = 0;
  for (let round = 0; round < 60; round++) {
    for (const shape of shapes) sum += shape.area() * shape.weight();
    for (const record of records) sum += record.id * record.weight;
  }
  return sum;
}

export const handler = measure(work);
