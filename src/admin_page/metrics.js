/** The metrics of this process, as far as the overview shows them. */

import {request} from './api.js';

const KEPT = 60;

/** Samples as `{name, labels, value}`. */
export const parse = text => text.split('\n').flatMap(line => {
  const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (!name) return [];
  const pairs = [...(labels ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
  return [{name, labels: Object.fromEntries(pairs), value: Number(value)}];
});

export class Metrics {
  constructor() {
    this.samples = [];
    this.rates = [];
    this.available = undefined;
  }

  /** Reads them; they may be on a listener of their own. */
  async read() {
    const response = await request('metrics');
    this.available = response.ok;
    if (!response.ok) return;
    const before = {at: this.at, total: this.sum('presence_sidecar_heartbeats_total')};
    this.samples = parse(await response.text());
    this.at = performance.now();
    const gained = this.sum('presence_sidecar_heartbeats_total') - before.total;
    if (before.at === undefined || gained < 0) return;
    this.rates = [...this.rates, gained / (this.at - before.at) * 1000].slice(-KEPT);
  }

  of(name) {
    return this.samples.filter(sample => sample.name === name);
  }

  sum(name) {
    return this.of(name).reduce((sum, {value}) => sum + value, 0);
  }

  most(name) {
    return Math.max(0, ...this.of(name).map(({value}) => value));
  }

  /** Whether there is such a metric: parts that are not configured have none. */
  has(name) {
    return this.samples.some(sample => sample.name === name);
  }

  /** The mean of a histogram. */
  mean(name) {
    const number = this.sum(`${name}_count`);
    return number ? this.sum(`${name}_sum`) / number : 0;
  }

  get endpoints() {
    return this.of('presence_sidecar_webhook_pending').map(({labels}) => labels.endpoint);
  }
}
