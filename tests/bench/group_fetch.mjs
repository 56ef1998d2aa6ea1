// What a request costs without a daemon around it: our fetcher against a bare loop around libcurl that does everything
// right and nothing else.
import { figuresOf, startOrigin } from './bench_rig.mjs';

export const title = 'Requests, the fetcher alone';

function row(name, { hosts, targets = 100, path = '/plain/1024', more = [], periodMs = 0 }) {
  const run = (client) => async (ctx) => {
    const origin = await startOrigin(ctx.build);
    ctx.cleanup(() => origin.stop());
    const load = periodMs ? [`period_ms=${periodMs}`, 'warm_ms=1300', 'measured_ms=1500'] : ['in_flight=100', 'warm_ms=400', 'measured_ms=700'];
    return figuresOf(ctx.tool('bench_poll'), [client, `port=${origin.port}`, `hosts=${hosts}`, `targets=${targets}`, `path=${path}`, ...load, ...more]);
  };
  return { name, unit: 'request', contenders: { 'libcurl loop': run('bare'), fetcher: run('fetcher') } };
}

export const rows = [
  row('100 under way, 1 KB, 1 host', { hosts: 1 }),
  row('100 under way, 1 KB, 100 hosts', { hosts: 100 }),
  row('100 under way, 304, 100 hosts', { hosts: 100, path: '/1024', more: ['conditional=1'] }),
  row('100 under way, 20 KB, 100 hosts', { hosts: 100, path: '/plain/20480', more: ['large=1'] }),
  row('100 under way, 50 KB, 100 hosts', { hosts: 100, path: '/plain/51200', more: ['large=1'] }),
  row('100 under way, 1 KB, 1 000 hosts', { hosts: 1000, targets: 1000 }),
  row('10 000 a second, 304, 100 hosts', { hosts: 100, targets: 10000, path: '/1024', more: ['conditional=1'], periodMs: 1000 }),
];
