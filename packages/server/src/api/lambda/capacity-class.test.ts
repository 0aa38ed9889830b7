import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateFunctionCommand, InvokeCommand, InvokeWithResponseStreamCommand } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
  const zip = await zipOf({ 'index.mjs': 'export const handler = 1;' });
  await server.client().send(new CreateFunctionCommand(newFunction('f', zip)));
});
after(() => server[Symbol.asyncDispose]());

/** A client that sends this header with every request. */
function clientFor(capacityClass: string) {
  const client = server.client();
  client.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-hearth-capacity-class'] = capacityClass;
      return next(args);
    },
    { step: 'build' },
  );
  return client;
}

test('an invocation may ask for a class of capacity, and then is one of a version of its own (P14)', async () => {
  await server.client().send(new InvokeCommand({ FunctionName: 'f' }));
  const usual = server.invocations.at(-1)!.spec;
  assert.equal(usual.capacityClass, undefined);
  await clientFor('variable').send(new InvokeCommand({ FunctionName: 'f' }));
  const variable = server.invocations.at(-1)!.spec;
  assert.deepEqual(variable.capacityClass, { name: 'variable', of: usual.key });
  assert.notEqual(variable.key, usual.key);
  await clientFor('variable').send(new InvokeCommand({ FunctionName: 'f' }));
  assert.equal(server.invocations.at(-1)!.spec, variable, 'always the same');
  await clientFor('dedicated').send(new InvokeWithResponseStreamCommand({ FunctionName: 'f' }));
  assert.equal(server.invocations.at(-1)!.spec.capacityClass?.name, 'dedicated');
});

test('a class that there is none of is refused (P14)', async () => {
  await assert.rejects(clientFor('best').send(new InvokeCommand({ FunctionName: 'f' })), {
    name: 'InvalidParameterValueException',
    message: /X-Hearth-Capacity-Class is one of on-demand, dedicated, reserved, variable/,
  });
});
