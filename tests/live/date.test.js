// pollcast date: what it prints, and what it refuses, saying why.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from './lib/program.js';

const date = (...args) => run(['date', ...args]);

for (const [what, args, printed] of [
  ['seconds', ["yyyy-MM-dd'T'HH:mm:ssXXX", '1632304569'], '2021-09-22T09:56:09Z'],
  ['nine decimals', ['s.SSSSSSSSS', '1632304569.000000001'], '9.000000001'],
  ['before 1970', ['yyyy-MM-dd HH:mm:ss.S', '-1.5'], '1969-12-31 23:59:58.5'],
  ['ISO-8601 in UTC', ['H:mm:ss.SSS', '2021-09-22T09:56:09.25Z'], '9:56:09.250'],
  ['ISO-8601 with an offset', ['yyyyMMddHHmm', '2021-09-22T01:56:09+02:00'], '202109212356'],
  ['ISO-8601 without seconds or offset', ['HHmmss', '2021-09-22T01:56'], '015600'],
  ['an offset as zone', ['HH:mm xxx VV', '0', '--zone', '+05:30'], '05:30 +05:30 +05:30'],
  ['a place as zone', ['HH:mm z zzzz', '1632304569', '--zone', 'Europe/Berlin'], '11:56 CEST Central European Summer Time'],
  ['a zone in front', ['--zone=America/New_York', 'EEEE h a', '0'], 'Wednesday 7 PM'],
  ['nothing', ['', '0'], ''],
]) {
  test(`prints ${what}`, async () => {
    const { status, stdout, stderr } = await date(...args);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${printed}\n`, stderr: '' });
  });
}

test('without an instant it is now', async () => {
  const before = Date.now();
  const { stdout } = await date("uuuu-MM-dd'T'HH:mm:ss.SSSX");
  const printed = Date.parse(stdout.trim());
  assert.ok(printed >= before && printed <= Date.now(), stdout);
});

for (const [what, args, why] of [
  ['a letter without meaning', ['yyyy-MM-ddTHH', '0'], /letter 11 of the pattern: T has no meaning; put text in quotes: 'T'/],
  ['too many letters', ['MMMMMM', '0'], /letter 1 of the pattern: M may stand at most 5 times in a row, found 6/],
  ['an open quote', ["HH 'o clock", '0'], /letter 4 of the pattern: this quote is not closed/],
  ['what cannot be printed', ['pMM', '0'], /letter 2 of the pattern: "01" is wider than the 1 it is padded to/],
  ['a zone that is not', ['HH', '0', '--zone', 'Europe/Nowhere'], /--zone: there is no zone "Europe\/Nowhere"/],
  ['a path as zone', ['HH', '0', '--zone', '../../../etc/passwd'], /--zone: there is no zone/],
  ['an instant that is none', ['HH', 'yesterday'], /"yesterday" is no instant; write seconds since 1970/],
  ['ten decimals', ['HH', '0.0123456789'], /is no instant/],
  ['a point without decimals', ['HH', '5.'], /is no instant/],
  ['no pattern', [], /expected a pattern/],
  ['too much', ['HH', '0', '1'], /expected a pattern/],
]) {
  test(`refuses ${what}`, async () => {
    const { status, stdout, stderr } = await date(...args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, why);
  });
}
