// The arithmetic of the benchmarks: medians, ratios in one round, verdicts on limits. Pure.
//
// Rounds of a contender are a list of what it returned, {figure: number}, the round of the same index for all.

// What a contender throws that is not installed.
export class Missing extends Error {}

// With what a program ends that a contender runs, in that case.
export const MISSING_STATUS = 69;

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

export const figuresOf = (rounds) => [...new Set(rounds.flatMap((round) => Object.keys(round)))];

const values = (rounds, figure) => rounds.map((round) => round[figure]);

export const medianOf = (rounds, figure) => median(values(rounds, figure));

// The median of the ratios of each round: what slowed a round down slowed both.
export const ratioOf = (of, against, figure) => median(values(of, figure).map((value, i) => value / against[i][figure]));

// What is wrong with a row before anything is run: [] or what to say.
export function faultsOfRow({ name, contenders, limits = [] }) {
  const faults = [];
  if (!name || !Object.keys(contenders ?? {}).length) faults.push('a row needs a name and contenders');
  for (const limit of limits) {
    for (const who of [limit.of, limit.against]) {
      if (who !== undefined && !(who in contenders)) faults.push(`a limit names the contender '${who}', which is not there`);
    }
    const bounds = ['atMost', 'atLeast'].filter((bound) => bound in limit);
    if (bounds.length !== 1 || typeof limit[bounds[0]] !== 'number') faults.push('a limit needs one of atMost and atLeast, a number');
    if (!limit.figure || !limit.of) faults.push('a limit needs a figure and whose it is');
  }
  return faults.map((fault) => `${name}: ${fault}`);
}

// {text, value, verdict}: 'holds', 'FAILS', or 'not measured' when a contender is not there. measured: {name: rounds}.
// Throws when a contender has no such figure.
export function judge(limit, measured) {
  const { figure, of, against, atMost, atLeast } = limit;
  const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  const text = `${figure} of ${of}${against ? ` over ${against}` : ''} ${bound}`;
  const needed = against === undefined ? [of] : [of, against];
  if (needed.some((who) => !measured[who])) return { text, value: null, verdict: 'not measured' };
  for (const who of needed) {
    if (!measured[who].every((round) => typeof round[figure] === 'number')) throw new Error(`${text}: ${who} has no such figure`);
  }
  const value = against ? ratioOf(measured[of], measured[against], figure) : medianOf(measured[of], figure);
  const holds = atMost === undefined ? value >= atLeast : value <= atMost;
  return { text, value, verdict: holds ? 'holds' : 'FAILS' };
}

// {contenders: {name: {figures, ratios, rounds}}, limits}. The first contender that was measured is the reference.
export function summarize(row, measured) {
  const [reference] = Object.keys(row.contenders).filter((name) => measured[name]);
  const contenders = {};
  for (const name of Object.keys(row.contenders).filter((other) => measured[other])) {
    const rounds = measured[name];
    const numeric = (list) => figuresOf(list).filter((figure) => list.every((round) => typeof round[figure] === 'number'));
    const figures = Object.fromEntries(numeric(rounds).map((figure) => [figure, medianOf(rounds, figure)]));
    const shared = name === reference ? [] : numeric(measured[reference]).filter((figure) => figure in figures);
    const ratios = Object.fromEntries(shared.map((figure) => [figure, ratioOf(rounds, measured[reference], figure)]));
    contenders[name] = { figures, ratios, rounds };
  }
  return { contenders, limits: (row.limits ?? []).map((limit) => ({ ...limit, ...judge(limit, measured) })) };
}
