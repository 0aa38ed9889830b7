/** A hundred of a server's processes are killed at random moments, under load. `npm run bench -- kill` kills a thousand. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { killUnderLoad } from './testing/kills/run.ts';

const KILLS = Number(process.env['HEARTH_TEST_KILLS'] ?? 100);
const SEED = Number(process.env['HEARTH_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

it(`${KILLS} kills: every caller is answered, every function works again, nothing stays (seed ${SEED})`, async (test) => {
  const { kills, fates, unexplained, wronged, working, functions, left, faults } = await killUnderLoad({
    kills: KILLS,
    seed: SEED,
  });
  test.diagnostic(JSON.stringify(fates));
  assert.equal(kills.length, KILLS);
  assert.deepEqual(wronged, []);
  assert.deepEqual(unexplained, [], 'a connection closed without an answer while the server lived');
  assert.equal(working, functions);
  assert.deepEqual(
    Object.entries(left).filter(([, things]) => things.length > 0),
    [],
  );
  assert.deepEqual(faults, []);
});
