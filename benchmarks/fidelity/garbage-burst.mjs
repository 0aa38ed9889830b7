// A structure of some megabytes that lives as long as one request: a binary tree, built, walked and dropped.
import { measure } from './measure.mjs';

function build(depth) {
  return depth === 0 ? { left: null, right: null } : { left: build(depth - 1), right: build(depth - 1) };
}

function count(node) {
  return node.left === null ? 1 : 1 + count(node.left) + count(node.right);
}

function work() {
  return count(build(15));
}

export const handler = measure(work);
