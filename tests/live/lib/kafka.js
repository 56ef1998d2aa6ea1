// A Kafka cluster of librdkafka's mock brokers, with a consumer: tests/live/kafka_cluster.c says what it can be told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { program, within } from './daemon.js';

const WAIT_MS = 20_000;
// Beside the program under test, in the same build folder.
const file = path.resolve(path.dirname(fs.realpathSync(program)), '..', 'tests', 'live', 'kafka_cluster');

// Codes of the protocol.
export const API = { produce: 0, metadata: 3, initProducerId: 22 };
export const ERROR = {
  messageTooLarge: 10, notLeader: 6, notEnoughReplicas: 19, requestTimedOut: 7, topicAuthorization: 29, unknownTopic: 3, transport: -195,
};

// A record: {topic, partition, offset, timestamp, key, value (text), headers (pairs), header(name), seq (of its event), json}.
function recordOf(raw) {
  const header = (name) => raw.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  return {
    ...raw,
    header,
    get json() { return JSON.parse(raw.value); },
    get seq() { return Number(header('X-Axway-Streams-Event-Id').split('#')[1]); },
  };
}

class Cluster {
  records = new Map(); // by Kafka topic
  #waiters = [];
  #answers = [];
  #died;

  constructor(brokers) {
    this.child = spawn(file, [String(brokers)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.child.on('close', (code, signal) => resolve({ code, signal })));
    this.#died = this.ended.then((end) => { throw new Error(`the cluster ended: ${JSON.stringify(end)}`); });
    this.#died.catch(() => {});
    this.started = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.#died.catch(reject);
      readline.createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(JSON.parse(line), resolve));
    });
    this.started.catch(() => {});
  }

  #take(said, started) {
    if (said.bootstrap) {
      this.bootstrap = said.bootstrap;
      started(this);
    } else if (said.record) {
      this.of(said.record.topic).push(recordOf(said.record));
      this.#waiters = this.#waiters.filter((waiter) => !waiter());
    } else {
      this.#answers.shift()(said);
    }
  }

  // Records that were read of a Kafka topic until now.
  of(topic) {
    if (!this.records.has(topic)) this.records.set(topic, []);
    return this.records.get(topic);
  }

  async tell(...words) {
    const answered = new Promise((resolve) => this.#answers.push(resolve));
    this.child.stdin.write(`${words.join(' ')}\n`);
    const said = await within(WAIT_MS, Promise.race([answered, this.#died]), words.join(' '));
    assert.ok(said.done, `${words.join(' ')}: ${said.failed}`);
  }

  // Make a Kafka topic whose records are read.
  async topic(name, partitions = 1) {
    await this.tell('topic', name, partitions);
    await this.tell('follow', name, partitions);
    return name;
  }

  // The records of a topic, once this is true of them.
  until(topic, isEnough, ms = WAIT_MS) {
    const arrived = new Promise((resolve) => {
      const look = () => isEnough(this.of(topic)) && (resolve(this.of(topic)), true);
      if (!look()) this.#waiters.push(look);
    });
    return within(ms, Promise.race([arrived, this.#died]), `waiting for records of ${topic}`).catch((error) => {
      throw new Error(`${error.message}; there are ${this.of(topic).length}`);
    });
  }

  count(topic, n, ms) {
    return this.until(topic, (records) => records.length >= n, ms);
  }

  async close() {
    this.child.stdin.end();
    const end = await within(WAIT_MS, this.ended, 'ending the cluster');
    assert.deepEqual(end, { code: 0, signal: null });
  }
}

export function startCluster(brokers = 1) {
  const cluster = new Cluster(brokers);
  return within(WAIT_MS, cluster.started, 'starting the cluster');
}
