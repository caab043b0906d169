// Calls every operation with the client of @hey-api/openapi-ts.

import * as api from './generated/hey-api';
import {createClient, createConfig} from './generated/hey-api/client';
import {bearer, expect, report, settings, userToken} from './report';

const clientOf = (headers: Record<string, string>) => createClient(createConfig({baseUrl: settings.url, headers}));
const client = clientOf(bearer(settings.service));
const user = clientOf(bearer(userToken(60)));
const messages = clientOf(bearer(settings.clientToken));
const operators = clientOf({'X-Operator-Token': settings.operator});
const own = {'X-Client-Id': settings.client};
const statusOf = ({response}: {response?: Response}) => ({status: response?.status ?? 0});

report({
  heartbeat: async () => {
    const result = await api.heartbeat({client, body: {user_id: 42, meta: {device: 'phone'}, session: null}});
    const seen: string | null | undefined = result.data?.last_seen_at;
    expect(result.data?.status === 'online' && seen, 'the user is online');
    return statusOf(result);
  },
  online: async () => statusOf(await api.online({client, body: {user_id: 'u-1', scope: {tenant: 'acme'}}})),
  offline: async () => {
    const result = await api.offline({client, body: {user_id: 'u-1', scope: {tenant: 'acme'}}});
    expect(result.data?.transition === 'went_offline', 'the user went offline');
    return statusOf(result);
  },
  heartbeats: async () => statusOf(await api.heartbeats({client, body: [{user_id: 42}, {user_id: 'u-2'}]})),
  status: async () => statusOf(await api.status({client, path: {user_id: '42'}})),
  many: async () => {
    const result = await api.many({client, body: {user_ids: [42, 'nobody']}});
    expect(result.data?.['42']?.status === 'online', 'the user has a status');
    return statusOf(result);
  },
  roster: async () => {
    const result = await api.roster({client, query: {status: 'online'}});
    expect(result.data?.data.some(({user_id}) => user_id === 42), 'the roster has the user, as a number');
    return statusOf(result);
  },
  counts: async () => statusOf(await api.counts({client})),
  changes: async () => {
    const result = await api.changes({client, query: {after: '0-0'}});
    expect(result.data?.data[0]?.event, 'a change has an event');
    return statusOf(result);
  },
  snapshot: async () => statusOf(await api.snapshot({client})),
  stream: async () => {
    let status = 0;
    const onSseEvent = () => { status = 200; };
    const end = new AbortController();
    const {stream} = await api.stream({client, query: {after: '0-0'}, onSseEvent, signal: end.signal});
    for await (const event of stream) {
      expect((event as unknown as {cursor: string}).cursor, 'every event has a cursor');
      break;
    }
    end.abort();
    return {status};
  },
  browser_heartbeat: async () => statusOf(await api.browserHeartbeat({client: user, body: {active: true}})),
  watched: async () => {
    const result = await api.watched({client: user});
    expect(result.data?.data[0]?.user_id === 42, 'the user is watched');
    return statusOf(result);
  },
  history: async () => statusOf(await api.history_({client, path: {user_id: '42'}})),
  explain: async () => {
    const result = await api.explain({client, path: {user_id: '42'}});
    expect(result.data?.last_change?.cause === 'heartbeat', 'the change has a cause');
    return statusOf(result);
  },
  configuration: async () => {
    const result = await api.configuration({client});
    expect(result.data?.settings[0]?.from, 'a setting has an origin');
    return statusOf(result);
  },
  checks: async () => {
    const result = await api.checks({client});
    expect(result.data?.checks[0]?.fix === null, 'the configuration is valid');
    return statusOf(result);
  },
  deliveries: async () => statusOf(await api.deliveries({client, query: {state: 'dead'}})),
  replay_delivery: async () => {
    const result = await api.replayDelivery({client, path: {id: 'none@default'}});
    expect(result.error?.message, 'an error has a message');
    return statusOf(result);
  },
  replay_deliveries: async () => statusOf(await api.replayDeliveries({client})),
  register_client: async () => statusOf(await api.registerClient({client, body: {fingerprint: 'hey-api'}})),
  publish: async () => {
    const body = {to_client_ids: [settings.client], type: 'note', payload: {text: 'hello'}};
    const headers = {'X-Admin-Token': settings.admin, 'Idempotency-Key': 'hey-api'};
    return statusOf(await api.publish({client, body, headers}));
  },
  send: async () => statusOf(await api.send({client: messages, headers: own, body: settings.sealed})),
  poll: async () => {
    const result = await api.poll({client: messages, headers: own, query: {cursor: '0'}});
    expect(result.data?.messages[0]?.ciphertext, 'the message is sealed');
    return statusOf(result);
  },
  acknowledge: async () => statusOf(await api.acknowledge({client: messages, headers: own, body: {last_received_id: 1}})),
  rotate_client: async () => {
    const result = await api.rotateClient({client: messages, headers: own});
    expect(result.data?.api_token, 'the token is new');
    return statusOf(result);
  },
  clients: async () => statusOf(await api.clients({client: operators, query: {limit: 10}})),
  client_messages: async () => statusOf(await api.clientMessages({client: operators, path: {client: settings.client}})),
  revoke_client: async () => statusOf(await api.revokeClient({client: operators, path: {client: settings.client}})),
  fan_outs: async () => statusOf(await api.fanOuts({client: operators, query: {state: 'pending'}})),
  replay_fan_outs: async () => statusOf(await api.replayFanOuts({client: operators})),
}).catch(error => {
  console.error(error);
  process.exit(1);
});
