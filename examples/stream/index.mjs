/* global awslambda */
import { setTimeout } from 'node:timers/promises';

/** Answers line by line, each as soon as it is there: see them come with `hearth invoke stream --stream`. */
export const handler = awslambda.streamifyResponse(async ({ lines = 5 }, responseStream) => {
  responseStream.setContentType('text/plain');
  for (let line = 1; line <= lines; line++) {
    responseStream.write(`line ${line} of ${lines}\n`);
    await setTimeout(200);
  }
  responseStream.end();
});
